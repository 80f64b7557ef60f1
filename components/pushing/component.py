"""TFX's Pusher, made atomic."""

import os

import tensorflow as tf
from tfx import v1 as tfx
from tfx.components.pusher import executor as pusher_executor
from tfx.dsl.components.base import executor_spec
from tfx.proto import pusher_pb2
from tfx.types import artifact_utils
from tfx.utils import proto_utils


class AtomicPushExecutor(pusher_executor.Executor):
    """Copies a blessed model beside the served versions and renames it into place.

    TensorFlow Serving takes every folder with an integer name for a version, and the stock executor copies file by file
    into it: a server that polls during the copy sees half a model. (On an object store a rename is a copy, so there
    ``saved_model.pb`` coming last is all that protects a reader.)
    """

    def Do(self, input_dict, output_dict, exec_properties):
        destination = pusher_pb2.PushDestination()
        proto_utils.json_to_proto(exec_properties["push_destination"], destination)
        served = destination.filesystem.base_directory
        aside = os.path.join(served, ".incoming")
        if tf.io.gfile.exists(aside):  # of a push that was interrupted
            tf.io.gfile.rmtree(aside)
        destination.filesystem.base_directory = aside
        super().Do(
            input_dict, output_dict, {**exec_properties, "push_destination": proto_utils.proto_to_json(destination)}
        )
        pushed = artifact_utils.get_single_instance(output_dict["pushed_model"])
        version = pushed.get_string_custom_property("pushed_version")
        if not version:
            return
        final = os.path.join(served, version)
        if not tf.io.gfile.exists(final):
            tf.io.gfile.rename(os.path.join(aside, version), final)
        pushed.set_string_custom_property("pushed_destination", final)


class Pusher(tfx.components.Pusher):
    """``tfx.components.Pusher`` whose versions appear whole or not at all."""

    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(AtomicPushExecutor)
