/// What a sequence holds of the KV cache as it grows, in units of one block of one layer.
///
/// Layers with a window keep the blocks that it still touches: all of a window's, and one more, since
/// a window need not begin with a block. Where all layers are alike, one stands for all.
package struct CacheGrowth: Equatable, Sendable {
  /// Layers, and those of them that keep a window's positions only.
  let layers: Int
  let windowedLayers: Int
  /// A power of two: divisions by it are shifts.
  package let blockPositions: Int
  private let shift: Int
  /// Blocks that a layer with a window keeps at most.
  let windowBlocks: Int

  package init(layers: Int, windowedLayers: Int, window: Int, blockPositions: Int) {
    let areAlike = windowedLayers == 0 || windowedLayers == layers
    self.layers = areAlike ? 1 : layers
    self.windowedLayers = areAlike ? windowedLayers / max(1, layers) : windowedLayers
    self.blockPositions = blockPositions
    shift = blockPositions.trailingZeroBitCount
    windowBlocks = (window + blockPositions - 1) &>> shift + (blockPositions > 1 ? 1 : 0)
  }

  private func blocks(_ positions: Int) -> Int { (positions + blockPositions - 1) &>> shift }

  package func units(_ positions: Int) -> Int {
    let blocks = blocks(positions)
    return (layers - windowedLayers) * blocks + windowedLayers * min(blocks, windowBlocks)
  }

  /// Whether layers with a window hold all they ever will.
  func isFull(_ positions: Int) -> Bool {
    blocks(positions) >= windowBlocks
  }

  /// Units that a sequence takes where its last block is full.
  func unitsPerBlock(_ positions: Int) -> Int {
    windowedLayers > 0 && isFull(positions) ? layers - windowedLayers : layers
  }

  /// Steps until the layers with a window hold all they ever will; `nil` where they do, or there are
  /// none.
  func stepsUntilFull(_ positions: Int) -> Int? {
    windowedLayers == 0 || isFull(positions)
      ? nil : (windowBlocks - 1) * blockPositions + 1 - positions
  }

  /// Units of a cache of so many positions of all layers.
  package func capacity(_ positions: Int) -> Int { positions &>> shift * layers }
}
