/// Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434): keys and values of all heads are
/// projections of one short vector a token, which is what the cache holds.
///
/// A head's key is `plainWidth` elements of its own and `rotaryWidth` turned ones that all heads share.
public struct LatentAttention: Hashable, Sendable, BitwiseCopyable {
  public var queryHeads: Int
  /// Width of the vector that queries are projected from; `nil`: from the layer's input.
  public var queryRank: Int?
  /// Width of the vector that keys and values are projected from (`kv_lora_rank`).
  public var rank: Int
  /// Elements of a head's query and key that are not turned (`qk_nope_head_dim`).
  public var plainWidth: Int
  /// Elements that are (`qk_rope_head_dim`).
  public var rotaryWidth: Int
  /// Width of a head's value.
  public var valueWidth: Int
  /// Of `rotaryWidth` dimensions.
  public var rotary: Attention.Rotation
  /// Of the compressed queries, and of the compressed keys and values.
  public var latentNorm: Norm
  /// Biases of the projections from the layer's input.
  public var inputBias: Bool
  public var outputBias: Bool
  /// What scores are multiplied by; `nil`: 1/√keyWidth.
  public var scale: Double?
  public var inputNorm: Norm?
  /// Of the projected output, before it is added to the residual stream.
  public var outputNorm: Norm?

  public init(
    queryHeads: Int, queryRank: Int?, rank: Int, plainWidth: Int, rotaryWidth: Int, valueWidth: Int,
    rotary: Attention.Rotation, latentNorm: Norm, inputBias: Bool = false, outputBias: Bool = false,
    scale: Double? = nil, inputNorm: Norm?, outputNorm: Norm? = nil
  ) {
    self.queryHeads = queryHeads
    self.queryRank = queryRank
    self.rank = rank
    self.plainWidth = plainWidth
    self.rotaryWidth = rotaryWidth
    self.valueWidth = valueWidth
    self.rotary = rotary
    self.latentNorm = latentNorm
    self.inputBias = inputBias
    self.outputBias = outputBias
    self.scale = scale
    self.inputNorm = inputNorm
    self.outputNorm = outputNorm
  }

  /// Width of a head's query and key.
  public var keyWidth: Int { plainWidth + rotaryWidth }
  /// Width of all query heads together.
  public var queryWidth: Int { queryHeads * keyWidth }
  /// Width of all heads' values together: what the output projection reads.
  public var outputWidth: Int { queryHeads * valueWidth }
  /// What the cache holds of a token.
  public var cacheWidth: Int { rank + rotaryWidth }
  /// Columns of the projection of all heads' keys and values from the compressed vector.
  public var expandedWidth: Int { queryHeads * (plainWidth + valueWidth) }
  public var scoreScale: Double { scale ?? 1 / Double(keyWidth).squareRoot() }

  /// FLOPs of `new` tokens after `cached` positions: keys and values of every position are projected
  /// from the cache first, and each pair of a token and a position then costs a head's width.
  public func expandedFLOPs(cached: Int, new: Int) -> Double {
    let pairs = Double(Step.Sequence(cached: cached, new: new).visiblePairs(window: nil))
    return 2 * Double(cached + new) * Double(rank) * Double(expandedWidth)
      + 2 * pairs * Double(queryHeads) * Double(keyWidth + valueWidth)
  }

  /// The same with the projections applied to queries and outputs instead: one key and value, as wide
  /// as the cache, serves all heads.
  public func absorbedFLOPs(cached: Int, new: Int) -> Double {
    let pairs = Double(Step.Sequence(cached: cached, new: new).visiblePairs(window: nil))
    return 2 * Double(new) * Double(rank) * Double(expandedWidth)
      + 2 * pairs * Double(queryHeads) * Double(cacheWidth + rank)
  }

  /// Whether keys and values are projected for each position: the cheaper way for prompts. Decoding
  /// absorbs the projections.
  public func expands(cached: Int, new: Int) -> Bool {
    expandedFLOPs(cached: cached, new: new) <= absorbedFLOPs(cached: cached, new: new)
  }
}
