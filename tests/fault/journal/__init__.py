"""The journal's server and disk fail under a gateway at work."""
