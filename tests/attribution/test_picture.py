import importlib.util
import pathlib


def test_the_guide_s_picture_can_be_made(tmp_path):
    script = pathlib.Path(__file__).parents[2] / "docs" / "attribution_picture.py"
    spec = importlib.util.spec_from_file_location("attribution_picture", script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.main(tmp_path / "picture.svg", rows=4)
    text = (tmp_path / "picture.svg").read_text()
    assert "</svg>" in text
    assert "attribution.svg" in script.with_name("attribution.md").read_text()
