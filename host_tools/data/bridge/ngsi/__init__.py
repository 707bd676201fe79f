"""NGSI-LD (ETSI GS CIM 009): what is so now, as smart data models: `Device` and `CrowdFlowObserved`."""
