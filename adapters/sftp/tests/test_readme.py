import re

from gateway.testing.adapter_readme import HEADINGS, readme_of, with_current_configuration


def test_the_configuration_in_the_readme_is_current() -> None:
    path, model = readme_of("sftp")
    page = path.read_text(encoding="utf-8")

    assert with_current_configuration(page, model) == page
    assert "| key | type | default | meaning |" in page


def test_the_readme_has_the_headings_of_every_adapter() -> None:
    path, _ = readme_of("sftp")

    assert tuple(re.findall(r"^## (.+)$", path.read_text("utf-8"), re.MULTILINE)) == HEADINGS
