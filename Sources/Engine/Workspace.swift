import Architectures
import Weights

/// Every activation buffer of the forward pass. Some share memory that both never need at once.
struct Workspace {
  /// The residual stream.
  let residual: Activations
  /// In front of a projection. In one place with `attended`.
  let normed: Activations
  /// Attention's output, heads side by side.
  let attended: Activations
  /// Query heads, then key heads, then value heads. In one place with `gated`.
  let qkv: Activations
  /// SwiGLU of gate and up.
  let gated: Activations
  /// Normed rows whose logits are asked for.
  let selected: Activations
  let logits: Activations
  /// Of each token's position: one cosine and one sine per rotated pair.
  let cosines: Activations
  let sines: Activations

  init(_ a: Architecture, maxTokens: Int, maxLogits: Int) throws {
    let sizes = Widths(a)
    func shared(_ width: Int) throws -> FloatBuffer {
      try FloatBuffer(count: maxTokens * Activations.stride(width))
    }
    residual = try Activations(rows: maxTokens, width: a.hiddenSize)
    let narrow = try shared(sizes.narrow)
    normed = Activations(width: a.hiddenSize, in: narrow)
    attended = Activations(width: a.queryWidth, in: narrow)
    let wide = try shared(sizes.wide)
    qkv = Activations(width: a.queryWidth + 2 * a.keyValueWidth, in: wide)
    gated = Activations(width: a.intermediateSize, in: wide)
    selected = try Activations(rows: maxLogits, width: a.hiddenSize)
    logits = try Activations(rows: maxLogits, width: a.vocabularySize)
    cosines = try Activations(rows: maxTokens, width: a.headDimension / 2)
    sines = try Activations(rows: maxTokens, width: a.headDimension / 2)
  }

  /// Widths of what shares memory.
  private struct Widths {
    let narrow: Int
    let wide: Int

    init(_ a: Architecture) {
      narrow = max(a.hiddenSize, a.queryWidth)
      wide = max(a.queryWidth + 2 * a.keyValueWidth, a.intermediateSize)
    }
  }

  static func bytes(_ a: Architecture, maxTokens: Int, maxLogits: Int) -> Int {
    let sizes = Widths(a)
    let perToken = [
      a.hiddenSize, sizes.narrow, sizes.wide, a.headDimension / 2, a.headDimension / 2,
    ]
    let perLogits = [a.hiddenSize, a.vocabularySize]
    let bytes =
      perToken.map { Activations.bytes(rows: maxTokens, width: $0) }
      + perLogits.map { Activations.bytes(rows: maxLogits, width: $0) }
    return bytes.reduce(0) { saturatingSum($0, $1) }
  }
}
