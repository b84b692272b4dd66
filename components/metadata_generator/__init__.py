"""The MetadataGenerator: finds out how a served model can be explained."""

from tfx_explain.components.metadata_generator.component import MetadataGenerator

__all__ = ["MetadataGenerator"]
