"""Writes `crds/` from the code: `python -m local_operator.definitions`, or `make crds`."""

import yaml

from esc_operator.resources.crd import environment_crd
from local_cluster import places

FOLDER = places.REPOSITORY / "crds"
HEADER = "# Made from operator/esc_operator/resources/crd.py; `make crds` writes it again.\n"


def main() -> None:
    text = HEADER + yaml.safe_dump(environment_crd(), sort_keys=False, width=120)
    (FOLDER / "escenvironments.yaml").write_text(text)


if __name__ == "__main__":
    main()
