from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class BlurBaselineConfig(_message.Message):
    __slots__ = ["max_blur_sigma"]
    MAX_BLUR_SIGMA_FIELD_NUMBER: _ClassVar[int]
    max_blur_sigma: float
    def __init__(self, max_blur_sigma: _Optional[float] = ...) -> None: ...

class Domain(_message.Message):
    __slots__ = ["max", "min", "original_mean", "original_stddev"]
    MAX_FIELD_NUMBER: _ClassVar[int]
    MIN_FIELD_NUMBER: _ClassVar[int]
    ORIGINAL_MEAN_FIELD_NUMBER: _ClassVar[int]
    ORIGINAL_STDDEV_FIELD_NUMBER: _ClassVar[int]
    max: float
    min: float
    original_mean: float
    original_stddev: float
    def __init__(self, min: _Optional[float] = ..., max: _Optional[float] = ..., original_mean: _Optional[float] = ..., original_stddev: _Optional[float] = ...) -> None: ...

class ExplanationMetadata(_message.Message):
    __slots__ = ["framework", "inputs", "outputs", "preprocess_signature_name", "signature_name", "tags"]
    class InputsEntry(_message.Message):
        __slots__ = ["key", "value"]
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: InputMetadata
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[InputMetadata, _Mapping]] = ...) -> None: ...
    class OutputsEntry(_message.Message):
        __slots__ = ["key", "value"]
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: OutputMetadata
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[OutputMetadata, _Mapping]] = ...) -> None: ...
    FRAMEWORK_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    PREPROCESS_SIGNATURE_NAME_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_NAME_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    framework: str
    inputs: _containers.MessageMap[str, InputMetadata]
    outputs: _containers.MessageMap[str, OutputMetadata]
    preprocess_signature_name: str
    signature_name: str
    tags: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, inputs: _Optional[_Mapping[str, InputMetadata]] = ..., outputs: _Optional[_Mapping[str, OutputMetadata]] = ..., framework: _Optional[str] = ..., tags: _Optional[_Iterable[str]] = ..., signature_name: _Optional[str] = ..., preprocess_signature_name: _Optional[str] = ...) -> None: ...

class ExplanationParameters(_message.Message):
    __slots__ = ["class_names", "integrated_gradients_attribution", "keep_maps", "kept_features", "kernel_shap_attribution", "lime_attribution", "max_failed_fraction", "measure_maps", "occlusion_attribution", "output_element", "output_indices", "output_name", "output_scale", "sample", "sampled_shapley_attribution", "seed", "superpixel_attribution", "tokens", "top_k", "xrai_attribution"]
    class OutputScale(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = []
    CLASS_NAMES_FIELD_NUMBER: _ClassVar[int]
    INTEGRATED_GRADIENTS_ATTRIBUTION_FIELD_NUMBER: _ClassVar[int]
    KEEP_MAPS_FIELD_NUMBER: _ClassVar[int]
    KEPT_FEATURES_FIELD_NUMBER: _ClassVar[int]
    KERNEL_SHAP_ATTRIBUTION_FIELD_NUMBER: _ClassVar[int]
    LIME_ATTRIBUTION_FIELD_NUMBER: _ClassVar[int]
    LOGITS: ExplanationParameters.OutputScale
    LOG_ODDS: ExplanationParameters.OutputScale
    MAX_FAILED_FRACTION_FIELD_NUMBER: _ClassVar[int]
    MEASURE_MAPS_FIELD_NUMBER: _ClassVar[int]
    OCCLUSION_ATTRIBUTION_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_ELEMENT_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_INDICES_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_NAME_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_SCALE_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_SCALE_UNSPECIFIED: ExplanationParameters.OutputScale
    SAMPLED_SHAPLEY_ATTRIBUTION_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    SERVED: ExplanationParameters.OutputScale
    SUPERPIXEL_ATTRIBUTION_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    TOP_K_FIELD_NUMBER: _ClassVar[int]
    XRAI_ATTRIBUTION_FIELD_NUMBER: _ClassVar[int]
    class_names: _containers.RepeatedScalarFieldContainer[str]
    integrated_gradients_attribution: IntegratedGradientsAttribution
    keep_maps: bool
    kept_features: KeptFeatures
    kernel_shap_attribution: KernelShapAttribution
    lime_attribution: LimeAttribution
    max_failed_fraction: float
    measure_maps: bool
    occlusion_attribution: OcclusionAttribution
    output_element: _containers.RepeatedScalarFieldContainer[int]
    output_indices: _containers.RepeatedScalarFieldContainer[int]
    output_name: str
    output_scale: ExplanationParameters.OutputScale
    sample: Sample
    sampled_shapley_attribution: SampledShapleyAttribution
    seed: int
    superpixel_attribution: SuperpixelAttribution
    tokens: TokenConfig
    top_k: int
    xrai_attribution: XraiAttribution
    def __init__(self, sampled_shapley_attribution: _Optional[_Union[SampledShapleyAttribution, _Mapping]] = ..., integrated_gradients_attribution: _Optional[_Union[IntegratedGradientsAttribution, _Mapping]] = ..., kernel_shap_attribution: _Optional[_Union[KernelShapAttribution, _Mapping]] = ..., xrai_attribution: _Optional[_Union[XraiAttribution, _Mapping]] = ..., superpixel_attribution: _Optional[_Union[SuperpixelAttribution, _Mapping]] = ..., lime_attribution: _Optional[_Union[LimeAttribution, _Mapping]] = ..., occlusion_attribution: _Optional[_Union[OcclusionAttribution, _Mapping]] = ..., output_name: _Optional[str] = ..., output_indices: _Optional[_Iterable[int]] = ..., class_names: _Optional[_Iterable[str]] = ..., top_k: _Optional[int] = ..., output_element: _Optional[_Iterable[int]] = ..., output_scale: _Optional[_Union[ExplanationParameters.OutputScale, str]] = ..., seed: _Optional[int] = ..., sample: _Optional[_Union[Sample, _Mapping]] = ..., kept_features: _Optional[_Union[KeptFeatures, _Mapping]] = ..., keep_maps: bool = ..., measure_maps: bool = ..., tokens: _Optional[_Union[TokenConfig, _Mapping]] = ..., max_failed_fraction: _Optional[float] = ...) -> None: ...

class GatePolicy(_message.Message):
    __slots__ = ["confidence", "max_failed_fraction", "max_tolerance_missed_fraction", "missing_baseline", "override", "relative_change"]
    class Confidence(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = []
    class MissingBaseline(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = []
    class RelativeChange(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = []
    BLESS: GatePolicy.MissingBaseline
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCE: GatePolicy.RelativeChange
    MAX_FAILED_FRACTION_FIELD_NUMBER: _ClassVar[int]
    MAX_TOLERANCE_MISSED_FRACTION_FIELD_NUMBER: _ClassVar[int]
    MISSING_BASELINE_FIELD_NUMBER: _ClassVar[int]
    OVERRIDE_FIELD_NUMBER: _ClassVar[int]
    POINT_ESTIMATE: GatePolicy.Confidence
    RATIO: GatePolicy.RelativeChange
    REJECT: GatePolicy.MissingBaseline
    REJECT_ONCE_PUSHED: GatePolicy.MissingBaseline
    RELATIVE_CHANGE_FIELD_NUMBER: _ClassVar[int]
    REQUIRE_SIGNIFICANT_FAILURE: GatePolicy.Confidence
    REQUIRE_SIGNIFICANT_PASS: GatePolicy.Confidence
    SKIP_CHANGE_THRESHOLDS: GatePolicy.MissingBaseline
    confidence: GatePolicy.Confidence
    max_failed_fraction: float
    max_tolerance_missed_fraction: float
    missing_baseline: GatePolicy.MissingBaseline
    override: Override
    relative_change: GatePolicy.RelativeChange
    def __init__(self, missing_baseline: _Optional[_Union[GatePolicy.MissingBaseline, str]] = ..., relative_change: _Optional[_Union[GatePolicy.RelativeChange, str]] = ..., confidence: _Optional[_Union[GatePolicy.Confidence, str]] = ..., override: _Optional[_Union[Override, _Mapping]] = ..., max_failed_fraction: _Optional[float] = ..., max_tolerance_missed_fraction: _Optional[float] = ...) -> None: ...

class InputMetadata(_message.Message):
    __slots__ = ["baseline_source", "dense_shape_tensor_name", "domain", "encoded_baselines", "encoded_tensor_dtype", "encoded_tensor_name", "encoded_tensor_names", "encoding", "explainable_by", "finding", "group_name", "index_feature_mapping", "indices_tensor_name", "input_baselines", "input_tensor_dtype", "input_tensor_name", "input_tensor_shape", "modality", "visualization", "weight_dense_shape_name", "weight_indices_name", "weight_values_name"]
    BASELINE_SOURCE_FIELD_NUMBER: _ClassVar[int]
    DENSE_SHAPE_TENSOR_NAME_FIELD_NUMBER: _ClassVar[int]
    DOMAIN_FIELD_NUMBER: _ClassVar[int]
    ENCODED_BASELINES_FIELD_NUMBER: _ClassVar[int]
    ENCODED_TENSOR_DTYPE_FIELD_NUMBER: _ClassVar[int]
    ENCODED_TENSOR_NAMES_FIELD_NUMBER: _ClassVar[int]
    ENCODED_TENSOR_NAME_FIELD_NUMBER: _ClassVar[int]
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    EXPLAINABLE_BY_FIELD_NUMBER: _ClassVar[int]
    FINDING_FIELD_NUMBER: _ClassVar[int]
    GROUP_NAME_FIELD_NUMBER: _ClassVar[int]
    INDEX_FEATURE_MAPPING_FIELD_NUMBER: _ClassVar[int]
    INDICES_TENSOR_NAME_FIELD_NUMBER: _ClassVar[int]
    INPUT_BASELINES_FIELD_NUMBER: _ClassVar[int]
    INPUT_TENSOR_DTYPE_FIELD_NUMBER: _ClassVar[int]
    INPUT_TENSOR_NAME_FIELD_NUMBER: _ClassVar[int]
    INPUT_TENSOR_SHAPE_FIELD_NUMBER: _ClassVar[int]
    MODALITY_FIELD_NUMBER: _ClassVar[int]
    VISUALIZATION_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_DENSE_SHAPE_NAME_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_INDICES_NAME_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_VALUES_NAME_FIELD_NUMBER: _ClassVar[int]
    baseline_source: str
    dense_shape_tensor_name: str
    domain: Domain
    encoded_baselines: _containers.RepeatedCompositeFieldContainer[_struct_pb2.Value]
    encoded_tensor_dtype: str
    encoded_tensor_name: str
    encoded_tensor_names: _containers.RepeatedScalarFieldContainer[str]
    encoding: str
    explainable_by: _containers.RepeatedScalarFieldContainer[str]
    finding: str
    group_name: str
    index_feature_mapping: _containers.RepeatedScalarFieldContainer[str]
    indices_tensor_name: str
    input_baselines: _containers.RepeatedCompositeFieldContainer[_struct_pb2.Value]
    input_tensor_dtype: str
    input_tensor_name: str
    input_tensor_shape: _containers.RepeatedScalarFieldContainer[int]
    modality: str
    visualization: Visualization
    weight_dense_shape_name: str
    weight_indices_name: str
    weight_values_name: str
    def __init__(self, input_tensor_name: _Optional[str] = ..., input_tensor_dtype: _Optional[str] = ..., indices_tensor_name: _Optional[str] = ..., dense_shape_tensor_name: _Optional[str] = ..., encoding: _Optional[str] = ..., index_feature_mapping: _Optional[_Iterable[str]] = ..., encoded_tensor_name: _Optional[str] = ..., encoded_tensor_dtype: _Optional[str] = ..., input_baselines: _Optional[_Iterable[_Union[_struct_pb2.Value, _Mapping]]] = ..., encoded_baselines: _Optional[_Iterable[_Union[_struct_pb2.Value, _Mapping]]] = ..., modality: _Optional[str] = ..., domain: _Optional[_Union[Domain, _Mapping]] = ..., weight_values_name: _Optional[str] = ..., weight_indices_name: _Optional[str] = ..., weight_dense_shape_name: _Optional[str] = ..., group_name: _Optional[str] = ..., visualization: _Optional[_Union[Visualization, _Mapping]] = ..., encoded_tensor_names: _Optional[_Iterable[str]] = ..., baseline_source: _Optional[str] = ..., explainable_by: _Optional[_Iterable[str]] = ..., input_tensor_shape: _Optional[_Iterable[int]] = ..., finding: _Optional[str] = ...) -> None: ...

class IntegratedGradientsAttribution(_message.Message):
    __slots__ = ["blur_baseline_config", "max_gradients", "smooth_grad_config", "step_count", "tolerance"]
    BLUR_BASELINE_CONFIG_FIELD_NUMBER: _ClassVar[int]
    MAX_GRADIENTS_FIELD_NUMBER: _ClassVar[int]
    SMOOTH_GRAD_CONFIG_FIELD_NUMBER: _ClassVar[int]
    STEP_COUNT_FIELD_NUMBER: _ClassVar[int]
    TOLERANCE_FIELD_NUMBER: _ClassVar[int]
    blur_baseline_config: BlurBaselineConfig
    max_gradients: int
    smooth_grad_config: SmoothGradConfig
    step_count: int
    tolerance: float
    def __init__(self, step_count: _Optional[int] = ..., tolerance: _Optional[float] = ..., max_gradients: _Optional[int] = ..., smooth_grad_config: _Optional[_Union[SmoothGradConfig, _Mapping]] = ..., blur_baseline_config: _Optional[_Union[BlurBaselineConfig, _Mapping]] = ...) -> None: ...

class KeptFeatures(_message.Message):
    __slots__ = ["names"]
    NAMES_FIELD_NUMBER: _ClassVar[int]
    names: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, names: _Optional[_Iterable[str]] = ...) -> None: ...

class KernelShapAttribution(_message.Message):
    __slots__ = ["coalition_count", "max_evaluations", "tolerance"]
    COALITION_COUNT_FIELD_NUMBER: _ClassVar[int]
    MAX_EVALUATIONS_FIELD_NUMBER: _ClassVar[int]
    TOLERANCE_FIELD_NUMBER: _ClassVar[int]
    coalition_count: int
    max_evaluations: int
    tolerance: float
    def __init__(self, coalition_count: _Optional[int] = ..., tolerance: _Optional[float] = ..., max_evaluations: _Optional[int] = ...) -> None: ...

class LimeAttribution(_message.Message):
    __slots__ = ["sample_count", "tolerance"]
    SAMPLE_COUNT_FIELD_NUMBER: _ClassVar[int]
    TOLERANCE_FIELD_NUMBER: _ClassVar[int]
    sample_count: int
    tolerance: float
    def __init__(self, sample_count: _Optional[int] = ..., tolerance: _Optional[float] = ...) -> None: ...

class OcclusionAttribution(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class OutputMetadata(_message.Message):
    __slots__ = ["classes", "explained_quantity", "index_name_mapping", "index_name_mapping_key", "logits_indices", "logits_tensor_name", "output_element", "output_tensor_dtype", "output_tensor_name", "served_tensor_name"]
    CLASSES_FIELD_NUMBER: _ClassVar[int]
    EXPLAINED_QUANTITY_FIELD_NUMBER: _ClassVar[int]
    INDEX_NAME_MAPPING_FIELD_NUMBER: _ClassVar[int]
    INDEX_NAME_MAPPING_KEY_FIELD_NUMBER: _ClassVar[int]
    LOGITS_INDICES_FIELD_NUMBER: _ClassVar[int]
    LOGITS_TENSOR_NAME_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_ELEMENT_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_TENSOR_DTYPE_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_TENSOR_NAME_FIELD_NUMBER: _ClassVar[int]
    SERVED_TENSOR_NAME_FIELD_NUMBER: _ClassVar[int]
    classes: str
    explained_quantity: str
    index_name_mapping: _struct_pb2.Value
    index_name_mapping_key: str
    logits_indices: _containers.RepeatedScalarFieldContainer[int]
    logits_tensor_name: str
    output_element: _containers.RepeatedScalarFieldContainer[int]
    output_tensor_dtype: str
    output_tensor_name: str
    served_tensor_name: str
    def __init__(self, output_tensor_name: _Optional[str] = ..., output_tensor_dtype: _Optional[str] = ..., index_name_mapping: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., index_name_mapping_key: _Optional[str] = ..., logits_tensor_name: _Optional[str] = ..., served_tensor_name: _Optional[str] = ..., classes: _Optional[str] = ..., explained_quantity: _Optional[str] = ..., logits_indices: _Optional[_Iterable[int]] = ..., output_element: _Optional[_Iterable[int]] = ...) -> None: ...

class Override(_message.Message):
    __slots__ = ["until", "who", "why"]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    WHO_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    until: str
    who: str
    why: str
    def __init__(self, who: _Optional[str] = ..., why: _Optional[str] = ..., until: _Optional[str] = ...) -> None: ...

class Sample(_message.Message):
    __slots__ = ["fraction", "rows"]
    FRACTION_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    fraction: float
    rows: int
    def __init__(self, rows: _Optional[int] = ..., fraction: _Optional[float] = ...) -> None: ...

class SampledShapleyAttribution(_message.Message):
    __slots__ = ["max_evaluations", "path_count", "tolerance"]
    MAX_EVALUATIONS_FIELD_NUMBER: _ClassVar[int]
    PATH_COUNT_FIELD_NUMBER: _ClassVar[int]
    TOLERANCE_FIELD_NUMBER: _ClassVar[int]
    max_evaluations: int
    path_count: int
    tolerance: float
    def __init__(self, path_count: _Optional[int] = ..., tolerance: _Optional[float] = ..., max_evaluations: _Optional[int] = ...) -> None: ...

class SmoothGradConfig(_message.Message):
    __slots__ = ["feature_noise_sigma", "noise_sigma", "noisy_sample_count"]
    class FeatureNoiseSigma(_message.Message):
        __slots__ = ["noise_sigma"]
        class NoiseSigmaForFeature(_message.Message):
            __slots__ = ["name", "sigma"]
            NAME_FIELD_NUMBER: _ClassVar[int]
            SIGMA_FIELD_NUMBER: _ClassVar[int]
            name: str
            sigma: float
            def __init__(self, name: _Optional[str] = ..., sigma: _Optional[float] = ...) -> None: ...
        NOISE_SIGMA_FIELD_NUMBER: _ClassVar[int]
        noise_sigma: _containers.RepeatedCompositeFieldContainer[SmoothGradConfig.FeatureNoiseSigma.NoiseSigmaForFeature]
        def __init__(self, noise_sigma: _Optional[_Iterable[_Union[SmoothGradConfig.FeatureNoiseSigma.NoiseSigmaForFeature, _Mapping]]] = ...) -> None: ...
    FEATURE_NOISE_SIGMA_FIELD_NUMBER: _ClassVar[int]
    NOISE_SIGMA_FIELD_NUMBER: _ClassVar[int]
    NOISY_SAMPLE_COUNT_FIELD_NUMBER: _ClassVar[int]
    feature_noise_sigma: SmoothGradConfig.FeatureNoiseSigma
    noise_sigma: float
    noisy_sample_count: int
    def __init__(self, noise_sigma: _Optional[float] = ..., feature_noise_sigma: _Optional[_Union[SmoothGradConfig.FeatureNoiseSigma, _Mapping]] = ..., noisy_sample_count: _Optional[int] = ...) -> None: ...

class SuperpixelAttribution(_message.Message):
    __slots__ = ["absent", "blur_baseline_config", "max_evaluations", "method", "segmentation", "superpixel_count", "tolerance"]
    ABSENT_FIELD_NUMBER: _ClassVar[int]
    BLUR_BASELINE_CONFIG_FIELD_NUMBER: _ClassVar[int]
    MAX_EVALUATIONS_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    SEGMENTATION_FIELD_NUMBER: _ClassVar[int]
    SUPERPIXEL_COUNT_FIELD_NUMBER: _ClassVar[int]
    TOLERANCE_FIELD_NUMBER: _ClassVar[int]
    absent: str
    blur_baseline_config: BlurBaselineConfig
    max_evaluations: int
    method: str
    segmentation: str
    superpixel_count: int
    tolerance: float
    def __init__(self, method: _Optional[str] = ..., segmentation: _Optional[str] = ..., superpixel_count: _Optional[int] = ..., absent: _Optional[str] = ..., blur_baseline_config: _Optional[_Union[BlurBaselineConfig, _Mapping]] = ..., tolerance: _Optional[float] = ..., max_evaluations: _Optional[int] = ...) -> None: ...

class TokenConfig(_message.Message):
    __slots__ = ["baseline", "features", "max_tokens", "players"]
    class Baseline(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = []
    class Players(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = []
    BASELINE_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    MAX_TOKENS_FIELD_NUMBER: _ClassVar[int]
    PAD: TokenConfig.Baseline
    PLAYERS_FIELD_NUMBER: _ClassVar[int]
    SENTENCE: TokenConfig.Players
    TOKEN: TokenConfig.Players
    UNKNOWN: TokenConfig.Baseline
    WORD: TokenConfig.Players
    ZERO: TokenConfig.Baseline
    baseline: TokenConfig.Baseline
    features: _containers.RepeatedScalarFieldContainer[str]
    max_tokens: int
    players: TokenConfig.Players
    def __init__(self, features: _Optional[_Iterable[str]] = ..., max_tokens: _Optional[int] = ..., baseline: _Optional[_Union[TokenConfig.Baseline, str]] = ..., players: _Optional[_Union[TokenConfig.Players, str]] = ...) -> None: ...

class Visualization(_message.Message):
    __slots__ = ["blur_sigma", "clip_above_percentile", "clip_below_percentile", "color_map", "overlay_multiplier", "overlay_type", "polarity", "shade_within_outlines", "type"]
    BLUR_SIGMA_FIELD_NUMBER: _ClassVar[int]
    CLIP_ABOVE_PERCENTILE_FIELD_NUMBER: _ClassVar[int]
    CLIP_BELOW_PERCENTILE_FIELD_NUMBER: _ClassVar[int]
    COLOR_MAP_FIELD_NUMBER: _ClassVar[int]
    OVERLAY_MULTIPLIER_FIELD_NUMBER: _ClassVar[int]
    OVERLAY_TYPE_FIELD_NUMBER: _ClassVar[int]
    POLARITY_FIELD_NUMBER: _ClassVar[int]
    SHADE_WITHIN_OUTLINES_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    blur_sigma: float
    clip_above_percentile: float
    clip_below_percentile: float
    color_map: str
    overlay_multiplier: float
    overlay_type: str
    polarity: str
    shade_within_outlines: bool
    type: str
    def __init__(self, type: _Optional[str] = ..., polarity: _Optional[str] = ..., color_map: _Optional[str] = ..., clip_above_percentile: _Optional[float] = ..., clip_below_percentile: _Optional[float] = ..., overlay_type: _Optional[str] = ..., overlay_multiplier: _Optional[float] = ..., blur_sigma: _Optional[float] = ..., shade_within_outlines: bool = ...) -> None: ...

class XraiAttribution(_message.Message):
    __slots__ = ["area_fraction", "blur_baseline_config", "max_gradients", "smooth_grad_config", "step_count", "tolerance"]
    AREA_FRACTION_FIELD_NUMBER: _ClassVar[int]
    BLUR_BASELINE_CONFIG_FIELD_NUMBER: _ClassVar[int]
    MAX_GRADIENTS_FIELD_NUMBER: _ClassVar[int]
    SMOOTH_GRAD_CONFIG_FIELD_NUMBER: _ClassVar[int]
    STEP_COUNT_FIELD_NUMBER: _ClassVar[int]
    TOLERANCE_FIELD_NUMBER: _ClassVar[int]
    area_fraction: float
    blur_baseline_config: BlurBaselineConfig
    max_gradients: int
    smooth_grad_config: SmoothGradConfig
    step_count: int
    tolerance: float
    def __init__(self, step_count: _Optional[int] = ..., smooth_grad_config: _Optional[_Union[SmoothGradConfig, _Mapping]] = ..., blur_baseline_config: _Optional[_Union[BlurBaselineConfig, _Mapping]] = ..., tolerance: _Optional[float] = ..., max_gradients: _Optional[int] = ..., area_fraction: _Optional[float] = ...) -> None: ...
