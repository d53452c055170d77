"""What istiod sends to each proxy: the exact policy of one client, where the modules around it answer for a namespace or a host.

Objects without a creationTimestamp count as applied after all that have one, in the order of the input.
"""
