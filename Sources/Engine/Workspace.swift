import Architectures
import Weights

/// Every activation buffer of the forward pass.
struct Workspace {
  /// The residual stream.
  let residual: Activations
  let normed: Activations
  /// Query heads, then key heads, then value heads.
  let qkv: Activations
  /// Attention's output, heads side by side.
  let attended: Activations
  /// SwiGLU of gate and up.
  let gated: Activations
  /// Normed rows whose logits are asked for.
  let selected: Activations
  let logits: Activations
  /// Of each token's position: one cosine and one sine per rotated pair.
  let cosines: Activations
  let sines: Activations

  init(_ a: Architecture, maxTokens: Int, maxLogits: Int) throws {
    residual = try Activations(rows: maxTokens, width: a.hiddenSize)
    normed = try Activations(rows: maxTokens, width: a.hiddenSize)
    qkv = try Activations(rows: maxTokens, width: a.queryWidth + 2 * a.keyValueWidth)
    attended = try Activations(rows: maxTokens, width: a.queryWidth)
    gated = try Activations(rows: maxTokens, width: a.intermediateSize)
    selected = try Activations(rows: maxLogits, width: a.hiddenSize)
    logits = try Activations(rows: maxLogits, width: a.vocabularySize)
    cosines = try Activations(rows: maxTokens, width: a.headDimension / 2)
    sines = try Activations(rows: maxTokens, width: a.headDimension / 2)
  }

  static func bytes(_ a: Architecture, maxTokens: Int, maxLogits: Int) -> Int {
    let perToken = [
      a.hiddenSize, a.hiddenSize, a.queryWidth + 2 * a.keyValueWidth, a.queryWidth,
      a.intermediateSize, a.headDimension / 2, a.headDimension / 2,
    ]
    let perLogits = [a.hiddenSize, a.vocabularySize]
    let sizes =
      perToken.map { Activations.bytes(rows: maxTokens, width: $0) }
      + perLogits.map { Activations.bytes(rows: maxLogits, width: $0) }
    return sizes.reduce(0) { saturatingSum($0, $1) }
  }
}
