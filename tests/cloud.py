"""What stands for a cloud in tests: Ray's `fake_multinode` provider, which counts lost nodes out.

Ray's own goes on to name a node that is gone, so its autoscaler waits for that one and starts none
in its place. A cloud does not name what has ended. Ray imports this in its own process.
"""

from ray.autoscaler._private.fake_multi_node.node_provider import FakeMultiNodeProvider


class Cloud(FakeMultiNodeProvider):  # type: ignore[misc]
    """Starts nodes as processes of this machine."""

    def non_terminated_nodes(self, tag_filters: dict[str, str]) -> list[str]:
        """Return the names of the nodes that are up."""
        with self.lock:
            for name, node in list(self._nodes.items()):
                if "node" in node and node["node"].dead_processes():
                    self.terminate_node(name)
            found: list[str] = super().non_terminated_nodes(tag_filters)
        return found
