"""What people search for is on a page, in the words that they search by."""

import re

import pytest

from tests.guides.conftest import ROOT

PAGES = {path: path.read_text() for path in (ROOT / "docs").glob("*.md")}
TERMS = """
xai_model, xai_preprocess, encoded_tensor_name, encoded_tensor_names, combined_embedding, concat_embedding,
bag_of_features, index_feature_mapping, explanation_metadata.json, input_baselines, encoded_baselines, SignatureDef,
serving_default, value thresholds, change thresholds, validation_ok, ModelBlessing, LatestBlessedModelStrategy,
EvalConfig, integrated gradients, sampled Shapley, Kernel SHAP, XRAI, SmoothGrad, approximation_error, MeanAttribution,
MeanAbsoluteAttributions, slicing_specs, module_file, dead letter, explain requests, Captum, alibi, shap, exit code,
tensorflow/serving/classify, tensorflow/serving/predict, tensorflow/serving/regress, method_name, saved_model_cli,
ServingInputReceiver, export_saved_model, parse_example, dense_shape, embedding_lookup_sparse, base64, LIME,
superpixels, What-If Tool, TensorBoard, Matplotlib, Seaborn, lower_bound, HIGHER_IS_BETTER, render_slicing_metrics,
load_validation_result, NO_COLOR
"""


@pytest.mark.parametrize("term", [term.strip() for term in TERMS.split(",")])
def test_a_term_stands_on_a_page(term):
    words = re.compile(r"\s+".join(map(re.escape, term.split())), re.IGNORECASE)
    assert any(words.search(re.sub("[`*]", "", text)) for text in PAGES.values())


def test_links_to_other_hosts_are_whole():
    for path, text in {**PAGES, ROOT / "README.md": (ROOT / "README.md").read_text()}.items():
        for link in re.findall(r"\]\((https?:[^)]*)\)", text):
            assert re.fullmatch(r"https://[a-z0-9.-]+\.[a-z]+(/[\w./~#%?=&+-]*)?", link), f"{path.name}: {link}"


def test_links_to_places_on_pages_lead_somewhere():
    def places(path):
        text = re.sub(r"(?ms)^```.*?^```", "", path.read_text())
        heads = re.findall(r"(?m)^#+ (.*)$", text)
        return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}

    for path, text in {**PAGES, ROOT / "README.md": (ROOT / "README.md").read_text()}.items():
        for page, place in re.findall(r"\]\(((?!https?:)[^)#\s]*)#([^)]+)\)", text):
            target = path.parent / page if page else path
            if target.suffix == ".md":
                assert place in places(target), f"{path.name}: {page}#{place}"
