import Model

extension LatentAttentionShape {
  /// `batch` sequences of `new` tokens each after `cached` positions.
  init(batch: Int, cached: Int, new: Int, _ attention: LatentAttention) {
    let part = Part(
      sequences: batch, tokens: batch * new,
      pairs: batch * Step.Sequence(cached: cached, new: new).visiblePairs(window: nil),
      positions: batch * (cached + new))
    let expands = attention.expands(cached: cached, new: new)
    self.init(
      expanded: expands ? part : Part(), absorbed: expands ? Part() : part,
      queryHeads: attention.queryHeads, rank: attention.rank, plainWidth: attention.plainWidth,
      rotaryWidth: attention.rotaryWidth, valueWidth: attention.valueWidth)
  }
}
