"""The door of the detection: flat functions in, sorted patterns out."""


def test_a_pattern_has_a_row_for_each_result_and_a_column_for_each_input(jax):
    from chainopt.jax.detection import pattern_of

    inputs = [jax.ShapeDtypeStruct((2, 3), "float32"), jax.ShapeDtypeStruct((4,), "float32")]
    detection = pattern_of(lambda x, y: [x.sum(axis=0), y[:2]], inputs)
    assert detection.pattern.shape == (5, 10)
    assert detection.pattern.dtype == bool
    assert detection.pattern.has_canonical_format
    assert str(detection).startswith(f"{detection.pattern.nnz} nonzeros of 5 × 10")
