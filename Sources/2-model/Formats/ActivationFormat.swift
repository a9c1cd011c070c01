/// What weights are multiplied with.
public enum ActivationFormat: String, Codable, Sendable {
  /// Single precision.
  case f32
  /// Rounded to bf16, as engines in bf16 compute.
  case bf16
  /// Bytes with a scale for each 32.
  case int8
}

/// What bf16 weights are multiplied with.
public enum BF16Activations: String, Codable, CaseIterable, Sendable {
  /// bf16 where the processor multiplies that, f32 elsewhere.
  case native
  /// f32 everywhere.
  case f32
}
