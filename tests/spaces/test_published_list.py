"""Every network that we hold of the published list has the published counts."""

import json
from pathlib import Path

from narrowgauge.costs import costs_of
from narrowgauge.spaces import build


def test_params_and_flops_of_every_published_network_are_ours(published: Path) -> None:
    rows = json.loads((published / "NetConfigs.json").read_text())
    assert len(rows) > 100
    different = []
    for row in rows:
        arch = f"{row['spacename']}_{row['law']}_{row['id']}"
        costs = costs_of(build(arch))
        if (costs.published_params, costs.published_flops) != (row["params"], row["flops"]):
            different.append(arch)
    assert not different
