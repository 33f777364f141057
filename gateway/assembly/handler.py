"""What a worker's connections pass requests to: the pipeline, and what some settings put around it.

Each is imported late, because few configurations have it.
"""

from gateway.assembly.lasting import Lasting
from gateway.pipeline.pipeline import Pipeline
from gateway.pipeline.verdict import RequestHandler
from gateway.settings.schema import Settings
from gateway.settings.shadow import has_shadow


async def handler_of(pipeline: Pipeline, settings: Settings, lasting: Lasting) -> RequestHandler:
    """`pipeline`, with the shadows, notes and traces that `settings` ask for."""
    handler: RequestHandler = pipeline
    if has_shadow(settings):
        from gateway.assembly.shadows import shadows_of
        from gateway.pipeline.shadow import ShadowedPipeline

        shadows = await shadows_of(settings, lasting.audit, pipeline.peek)
        handler = ShadowedPipeline(handler, shadows, lasting.metrics, lasting.watched.differs)
    if settings.admins:
        from gateway.pipeline.refused import RefusedPipeline

        handler = RefusedPipeline(handler, pipeline, lasting.refusals.note, lasting.watched.refused)
    if lasting.tracing is None:
        return handler
    from gateway.pipeline.traced import TracedPipeline

    return TracedPipeline(handler, lasting.tracing)
