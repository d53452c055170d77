"""Whether the API server would take an Istio object: its CustomResourceDefinition and istiod's validating webhook."""
