import Architectures

/// Everything a forward pass needs of a model.
public struct ModelWeights: Sendable {
  public struct Layer: Sendable {
    public var attentionNorm: FloatBuffer
    /// Query, key and value rows, in that order.
    public var qkv: Linear
    public var queryNorm: FloatBuffer?
    public var keyNorm: FloatBuffer?
    public var output: Linear
    public var mlpNorm: FloatBuffer
    /// Gate and up, one part each.
    public var gateUp: Linear
    public var down: Linear
  }

  public var architecture: Architecture
  public var embedding: Matrix
  public var layers: [Layer]
  public var finalNorm: FloatBuffer
  /// The embedding itself where they are tied.
  public var head: Linear
  /// Angle per position of each rotated pair; a GGUF file may bring its own scaling.
  public var inverseFrequencies: [Double]
  /// Whether rotated pairs are neighbours (2i, 2i + 1), as in GGUF files of LLaMA, or lie half a
  /// head apart (i, i + e/2), as everywhere else.
  public var interleavedRotary: Bool

  /// All matrices, the embedding counted once where it is tied.
  public var matrices: [Matrix] {
    let tied = head.parts[0].base == embedding.base
    return [embedding] + (tied ? [] : head.parts)
      + layers.flatMap { $0.qkv.parts + $0.output.parts + $0.gateUp.parts + $0.down.parts }
  }

  public var matrixBytes: Int { matrices.reduce(0) { $0 + $1.bytes } }
}
