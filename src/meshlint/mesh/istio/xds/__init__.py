"""What istiod sends to each proxy: the exact policy of one client, where the modules around it answer for a namespace or a host.

Every answer assumes that objects without a creationTimestamp are of one age, and older than those that have one.
"""
