"""Put trained weights into the package: `python deploy/ship_model.py .train/base/eyenet.safetensors NAME`.

Copies the file to service/photodiary/eyenet/base.safetensors under the given model name and records its checksum in base.json.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from photodiary.eyenet import registry, weights


def main() -> None:
    source, name = Path(sys.argv[1]), sys.argv[2]
    net, trained_as, _ = weights.load(source)
    digest = weights.save(net, registry.SHIPPED, name=name, notes={"trained_as": trained_as})
    registry.CARD.write_text(json.dumps({"name": name, "sha256": digest}, indent=2) + "\n", encoding="utf-8")
    print(f"{registry.SHIPPED}: {name}, {digest}")


if __name__ == "__main__":
    main()
