import Foundation

/// GEMM on a GPU of narrow weights with activations that are quantised first: fp8, fp8 by blocks,
/// 8-bit integers, 4-bit floats.
///
/// ```
/// q = quantize + mk·quantize_bytes / BW          a scale, then the division, over 16-bit activations
/// W = ⌈m/a⌉·⌈n/b⌉ / U waves, towards max(W, 1) by `tail`
/// g = (1 + h/a + h/b) / (1 + h/256 + h/128)
/// w = W·(2ab·g·U / (P·ec)·(k + drain·k0) + drain·block)
/// t = q + t0 + ⁴√(√(w² + (W·k/64·lat)²)⁴ + (bytes / (BW·em)·(bytes/cache)^(ex - 1))⁴)
/// ```
/// Tiles are not chosen by search but by m and n, as vLLM's CUTLASS kernels are (`scaled_mm_c2x_sm89_
/// fp8_dispatch.cuh`, `scaled_mm_sm90_fp8_dispatch.cuh`); nothing splits k. A timing loop quantises by
/// some five separate kernels; in a whole run the compiler fuses that into the kernel before.
public struct QuantizedMatrixMultiplication: CostForm {
  public static let family = "quantized_gemm"
  public static let coefficients = [
    Coefficient(
      "launch", nominal: 6000, spread: 0.6, carries: false, "t0: clocks of an empty call"),
    Coefficient(
      "flop_share", nominal: 0.87, spread: 0.15, carries: false,
      "ec: share of the peak that large tiles sustain"),
    Coefficient(
      "tile_feed", nominal: 2, spread: 0.7, carries: false,
      "h: elements; arithmetic over loads that a unit can do at once"),
    Coefficient(
      "latency", nominal: 120, spread: 0.7, carries: false,
      "lat: clocks for 64 steps of k; a third where copies are in bulk"),
    Coefficient(
      "memory_share", nominal: 0.7, spread: 0.15, carries: false,
      "em: share of the bandwidth that is reached"),
    Coefficient(
      "transfer_exponent", nominal: 0.95, spread: 0.05, carries: false,
      "ex: transfer time grows as bytes to this"),
    Coefficient(
      "fill_depth", nominal: 256, spread: 0.8, carries: false,
      "k0: steps of k that filling and draining a tile cost"),
    Coefficient(
      "block", nominal: 2000, spread: 1.5, carries: false,
      "clocks that a tile's last part takes, whatever its depth"),
    Coefficient(
      "wide_drain", nominal: 2.5, spread: 0.5, carries: false,
      "how much more filling and draining the widest tiles need"),
    Coefficient(
      "tail", nominal: 0.1, spread: 1, carries: false, "0: whole waves, 1: fractions of waves"),
    Coefficient(
      "cache_edge", nominal: 0.75, spread: 0.3, carries: false,
      "share of the last cache that reused operands may fill"),
    Coefficient(
      "cache_share", nominal: 0.18, spread: 0.5, carries: false,
      "share of the units' ports at which the last cache is read"),
    Coefficient(
      "quantize", nominal: 9000, spread: 0.6, carries: false,
      "clocks of the kernels that quantise activations"),
    Coefficient(
      "quantize_bytes", nominal: 25, spread: 0.2, carries: false,
      "bytes that these move for an activation"),
  ]

  /// A tile, the sizes for which it is run (above, up to; of the next power of two), and how much of
  /// `block` it needs: what products of few inputs took on the L40S, each against the largest.
  private struct Tile {
    var rows: Double
    var columns: Double
    var m: (above: Double, upTo: Double)
    var n: (above: Double, upTo: Double) = (0, .infinity)
    var drain = 1.0
  }

  private static let all = Double.infinity
  /// Of compute capability 8.9.
  private static let ada = [
    Tile(rows: 16, columns: 64, m: (0, 16), n: (0, 8192), drain: 0.4),
    Tile(rows: 16, columns: 128, m: (0, 16), n: (8192, 24_576), drain: 0.4),
    Tile(rows: 32, columns: 64, m: (0, 16), n: (24_576, all), drain: 0.4),
    Tile(rows: 32, columns: 64, m: (16, 32), n: (0, 8192), drain: 0.55),
    Tile(rows: 32, columns: 128, m: (16, 32), n: (8192, 16_384), drain: 0.55),
    Tile(rows: 32, columns: 64, m: (16, 32), n: (16_384, all), drain: 0.55),
    Tile(rows: 64, columns: 64, m: (32, 64), n: (0, 8192), drain: 0.58),
    Tile(rows: 64, columns: 128, m: (32, 64), n: (8192, 16_384), drain: 0.58),
    Tile(rows: 64, columns: 64, m: (32, 64), n: (16_384, all), drain: 0.58),
    Tile(rows: 64, columns: 128, m: (64, 128), n: (0, 8192), drain: 0.45),
    Tile(rows: 128, columns: 128, m: (64, 128), n: (8192, 16_384)),
    Tile(rows: 128, columns: 64, m: (64, 128), n: (16_384, all), drain: 0.45),
    Tile(rows: 64, columns: 128, m: (128, 256), n: (0, 4096), drain: 0.45),
    Tile(rows: 128, columns: 128, m: (128, 256), n: (4096, all)),
    Tile(rows: 128, columns: 128, m: (256, all), n: (0, 4096), drain: 0.85),
    Tile(rows: 256, columns: 128, m: (256, all), n: (4096, 8192)),
    Tile(rows: 128, columns: 128, m: (256, all), n: (8192, all), drain: 0.85),
  ]
  /// Of compute capability 9 and later.
  private static let hopper = [
    Tile(rows: 64, columns: 64, m: (0, 64)),
    Tile(rows: 64, columns: 128, m: (64, 128)),
    Tile(rows: 128, columns: 128, m: (128, all)),
  ]
  /// Of weights with scales by blocks: which of them is run is not published; the best.
  private static let blocks = [
    Tile(rows: 64, columns: 64, m: (0, 64)),
    Tile(rows: 64, columns: 128, m: (0, 128)),
    Tile(rows: 128, columns: 64, m: (64, all)),
    Tile(rows: 128, columns: 128, m: (64, all)),
    Tile(rows: 128, columns: 256, m: (128, all)),
  ]
  /// Bytes that a fused quantisation moves for an activation: 16 bits in, 8 out; and its share of the
  /// kernels that a timing loop launches.
  private static let fusedBytes = 3.0
  private static let fusedShare = 0.2

  private let context: DeviceContext
  private let tiles: [Tile]
  private let launch, flopShare, feed, walk, memoryShare, transferExponent, fillDepth: Double
  private let block, wideDrain, tail, cacheEdge, cacheRate, quantize, quantizeBytes: Double

  public init(_ context: DeviceContext, _ values: [Double]) {
    self.context = context
    tiles =
      context.hasBlockScales
      ? Self.blocks : context.kernels.hasAdaTiles ? Self.ada : Self.hopper
    launch = values[0] / context.clock
    flopShare = values[1]
    feed = values[2]
    walk = values[3] / context.clock / 64 / (context.kernels.copiesInBulk ? 3 : 1)
    memoryShare = values[4]
    transferExponent = values[5]
    fillDepth = values[6]
    block = values[7] / context.clock
    wideDrain = values[8]
    tail = min(values[9], 1)
    cacheEdge = values[10]
    cacheRate = context.portRate * values[11]
    quantize = values[12] / context.clock * (context.isWarm ? 1 : Self.fusedShare)
    quantizeBytes = context.isWarm ? values[13] : Self.fusedBytes
  }

  public func cost(_ shape: MatrixShape) -> OperatorCost {
    let (m, n, k) = (Double(shape.m), Double(shape.n), Double(shape.k))
    let transfer = transferSeconds(m, n, k)
    let moved = transfer * transfer * transfer * transfer
    let (rows, columns) = (max(16, Self.nextPower(shape.m)), Self.nextPower(shape.n))
    var least = Double.infinity
    var arithmetic = 0.0
    var (sum, weights) = (0.0, 0.0)
    for tile in tiles
    where rows > tile.m.above && rows <= tile.m.upTo && columns > tile.n.above
      && columns <= tile.n.upTo
    {
      let seconds = self.seconds(tile, m, n, k, moved)
      if seconds.total < least { (least, arithmetic) = (seconds.total, seconds.arithmetic) }
      // As of GEMMs: nearly the best of those that may run.
      var weight = 1 / seconds.total
      weight *= weight
      weight *= weight
      weight *= weight
      weight *= weight
      sum += weight * seconds.total
      weights += weight
    }
    let quantizing = quantizeSeconds(m, k)
    return OperatorCost(
      seconds: quantizing + (weights.isNormal ? sum / weights : least), compute: arithmetic,
      bandwidth: transfer + quantizing,
      latency: max(0, least - max(transfer, arithmetic)))
  }

  private func seconds(
    _ tile: Tile, _ m: Double, _ n: Double, _ k: Double, _ moved: Double
  ) -> (total: Double, arithmetic: Double) {
    let fed =
      (1 + feed / tile.rows + feed / tile.columns) / (1 + feed / 256 + feed / 128)
    let step = 2 * tile.rows * tile.columns * fed * context.units / (context.peak * flopShare)
    let waves = ceiling(m / tile.rows) * ceiling(n / tile.columns) / context.units
    let whole = ceiling(waves - 1e-6)
    let counted = whole + tail * (max(waves, 1) - whole)
    let depth = 64 * ceiling(k / 64)
    let drain = tile.rows * tile.columns > 128 * 128 ? wideDrain : 1
    let work = counted * (step * (depth + drain * fillDepth) + drain * tile.drain * block)
    let wait = counted * walk * depth
    let busy = work * work + wait * wait
    return (launch + (busy * busy + moved).squareRoot().squareRoot(), work)
  }

  private func quantizeSeconds(_ m: Double, _ k: Double) -> Double {
    let bytes = m * k * quantizeBytes
    // Through f32 copies and a 16-bit original.
    let hit = context.isWarm ? resident(6 * m * k) : 0
    return quantize
      + bytes * ((1 - hit) / (context.bandwidth * memoryShare) + hit / cacheRate)
  }

  private func transferSeconds(_ m: Double, _ n: Double, _ k: Double) -> Double {
    let weights = context.weightBytes * n * k
    let activations = context.weightBytes * m * k + context.activationBytes * m * n
    var moved = (weights + activations) / (context.bandwidth * memoryShare)
    if context.isWarm {
      let hit =
        resident(MatrixMultiplication.loopedCopies * weights) * weights
        + resident(weights + activations) * activations
      moved = (weights + activations - hit) / (context.bandwidth * memoryShare) + hit / cacheRate
    }
    let filled = (weights + activations) / context.lastLevelCache
    return moved * exp((transferExponent - 1) * log(filled))
  }

  private func resident(_ bytes: Double) -> Double {
    var ratio = min(bytes / (context.lastLevelCache * cacheEdge), 1e6)
    ratio *= ratio
    ratio *= ratio
    ratio *= ratio
    return 1 / (1 + ratio)
  }

  private static func nextPower(_ count: Int) -> Double {
    count <= 1 ? 1 : Double(1 << (Int.bitWidth - (count - 1).leadingZeroBitCount))
  }

  public static func floorSeconds(_ shape: MatrixShape, _ context: DeviceContext) -> Double {
    MatrixMultiplication.floorSeconds(shape, context)
  }

  public static func regime(_ shape: MatrixShape) -> String { MatrixMultiplication.regime(shape) }

  public static func features(_ shape: MatrixShape) -> [(name: String, value: Double)] {
    MatrixMultiplication.features(shape)
  }
}
