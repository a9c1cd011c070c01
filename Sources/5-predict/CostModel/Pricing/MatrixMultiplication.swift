import Foundation

/// `m` rows times an `n` by `k` weight matrix.
public struct MatrixShape: Hashable, Sendable, BitwiseCopyable {
  public var m: Int
  public var n: Int
  public var k: Int

  public init(m: Int, n: Int, k: Int) {
    self.m = m
    self.n = n
    self.k = k
  }

  /// A multiply-add is 2.
  public var flops: Double { 2 * Double(m) * Double(n) * Double(k) }

  func bytes(_ context: DeviceContext) -> Double {
    let (m, n, k) = (Double(m), Double(n), Double(k))
    return context.weightBytes * n * k + context.activationBytes * m * (n + k)
  }
}

/// GEMM on a GPU by tiles, waves and splits of k.
///
/// For each output tile (a, b) and each split z of k that the library may choose:
/// ```
/// T  = ⌈m/a⌉·⌈n/b⌉·z blocks,  K = k/z in steps of 32,  waves W = ⌈T/U⌉ towards max(T/U, 1) by `tail`
/// g  = (1 + h/a + h/b) / (1 + h/256 + h/128)          small tiles feed the units worse
/// tc = 2ab·(K + k0)·g·U / (P·ec)                      arithmetic of a block
/// tl = K/64·lat                                       a walk along k cannot be faster
/// tm = W·√(tc² + tl²)
/// ts = [z > 1]·(split·(1 + log₂(z)/5) + red·4mnz/BW)  a second kernel adds the parts
/// D  = bytes / (BW·em)·(bytes/cache)^(ex - 1)         small transfers do not reach full bandwidth
/// t  = t0 + ts + ⁴√(tm⁴ + D⁴)
/// ```
/// and of these the soft minimum, weights `(least/t)¹⁶`: the library picks nearly the best. Times are
/// in clocks of a unit. In a timing loop what fits the last cache is read from there, through the
/// units' ports of 64 bytes a clock: activations, and weights where the loop's copies of them fit
/// together.
///
/// The form grew out of the design's section 6; tiles, waves and splits are those of CUTLASS
/// (split-K: https://github.com/NVIDIA/cutlass, "Efficient GEMM in CUDA").
public struct MatrixMultiplication: CostForm {
  public static let family = "gemm"
  public static let coefficients = [
    Coefficient(
      "launch", nominal: 4500, spread: 0.3, carries: false, "t0: clocks of an empty call"),
    // Of this host's kernels 0.77, of the A100's 0.99: one library says nothing of another.
    Coefficient(
      "flop_share", nominal: 0.9, spread: 0.08, carries: false,
      "ec: share of the peak that large tiles sustain"),
    Coefficient(
      "tile_feed", nominal: 10, spread: 0.5, carries: false,
      "h: elements; arithmetic over loads that a unit can do at once"),
    Coefficient(
      "latency", nominal: 450, spread: 0.4, carries: false,
      "lat: clocks for 64 steps of k; a third where copies are in bulk"),
    Coefficient(
      "memory_share", nominal: 0.8, spread: 0.1, "em: share of the bandwidth that is reached"),
    Coefficient(
      "transfer_exponent", nominal: 1, spread: 0.02, "ex: transfer time grows as bytes to this"),
    Coefficient(
      "fill_depth", nominal: 150, spread: 0.6, carries: false,
      "k0: steps of k that filling and draining a tile cost"),
    Coefficient(
      "split", nominal: 2500, spread: 0.5, carries: false, "clocks of the kernel that adds parts"),
    Coefficient(
      "partial_sums", nominal: 0.5, spread: 0.7,
      "red: partial sums' bytes over bandwidth, times this"),
    Coefficient(
      "tail", nominal: 0.1, spread: 1, "0: whole waves, 1: fractions of waves"),
    Coefficient(
      "vector_gain", nominal: 4, spread: 0.7, carries: false,
      "gv: a single row walks along k so much faster"),
    Coefficient(
      "cache_edge", nominal: 0.8, spread: 0.3,
      "cl2: share of the last cache that reused operands may fill"),
    Coefficient(
      "cache_share", nominal: 0.25, spread: 0.5, carries: false,
      "share of the units' ports at which the last cache is read"),
  ]

  /// An output tile and the seconds that a unit takes for one step of k of it.
  ///
  /// Sizes are powers of two, so that products with their inverses are exact.
  private struct Tile {
    let rows: Double
    let columns: Double
    let perRow: Double
    let perColumn: Double
    let step: Double
  }

  private static let tiles: [(rows: Double, columns: Double)] = [
    (16, 32), (16, 64), (32, 64), (64, 32), (64, 64), (64, 128), (128, 64), (128, 128),
    (128, 256), (256, 128),
  ]
  private static let leastDepth = 256.0
  private static let mostSplitWaves = 4.0
  /// Copies of the weights that a timing loop goes through in turn.
  static let loopedCopies = 6.0
  private static let mostCandidates = 64

  private let context: DeviceContext
  private let launch, memoryShare, transferExponent, fillDepth, partialSums, tail: Double
  private let cacheEdge, cacheRate: Double
  /// Seconds of a step of k that wait for loads, for tiles and for a single row.
  private let walk, vectorWalk: Double
  private let tiles: [Tile]
  private let vectorTile: Tile
  /// Seconds of the second kernel, by the number of parts it adds.
  private let splitSeconds: [Double]

  public init(_ context: DeviceContext, _ values: [Double]) {
    self.context = context
    let flopShare = values[1]
    let feed = values[2]
    func tile(_ a: Double, _ b: Double) -> Tile {
      let fed = (1 + feed / a + feed / b) / (1 + feed / 256 + feed / 128)
      return Tile(
        rows: a, columns: b, perRow: 1 / a, perColumn: 1 / b,
        step: 2 * a * b * fed * context.units / (context.peak * flopShare))
    }
    tiles = Self.tiles.map { tile($0.rows, $0.columns) }
    vectorTile = tile(1, 8)
    launch = values[0] / context.clock
    walk = values[3] / context.clock / 64 / (context.kernels.copiesInBulk ? 3 : 1)
    memoryShare = values[4]
    transferExponent = values[5]
    fillDepth = values[6]
    splitSeconds = (0...Int(Self.mostSplitWaves * context.units)).map {
      $0 > 1 ? values[7] / context.clock * (1 + 0.2 * log2(Double($0))) : 0
    }
    partialSums = values[8]
    tail = min(values[9], 1)
    vectorWalk = walk / values[10]
    cacheEdge = values[11]
    cacheRate = context.portRate * values[12]
  }

  public func cost(_ shape: MatrixShape) -> OperatorCost {
    let (m, n, k) = (Double(shape.m), Double(shape.n), Double(shape.k))
    let transfer = transferSeconds(m, n, k)
    return withUnsafeTemporaryAllocation(of: Double.self, capacity: 3 * Self.mostCandidates) {
      let busy = $0.baseAddress!
      let arithmetic = busy + Self.mostCandidates
      let seconds = arithmetic + Self.mostCandidates
      var count = 0
      let partialSum = partialSums * 4 * m * n / context.bandwidth
      let depths = k / 32
      let deepest = max(1, floored(k / Self.leastDepth))
      let most = Self.mostSplitWaves * context.units
      let perUnit = 1 / context.units

      // Divisions take as long as all else here together, so there are few.
      @inline(__always)
      func consider(_ tile: Tile, _ z: Double, blocks: Double, walk: Double) {
        let depth = 32 * ceiling(z > 1 ? depths / z : depths)
        let waves = blocks * z * perUnit
        // Of a count of blocks over a count of units: no fraction is as small.
        let whole = ceiling(waves - 1e-6)
        let counted = whole + tail * (max(waves, 1) - whole)
        let work = counted * tile.step * (depth + fillDepth)
        let wait = counted * walk * depth
        arithmetic[count] = work
        busy[count] = work * work + wait * wait
        seconds[count] = z > 1 ? launch + splitSeconds[Int(z)] + partialSum * z : launch
        count += 1
      }
      /// Splits of k that the library may choose: none, 2, and those that make about 1, 2 or 4
      /// waves.
      @inline(__always)
      func considerSplits(_ tile: Tile, blocks: Double, walk: Double) {
        consider(tile, 1, blocks: blocks, walk: walk)
        guard 2 * blocks <= most, deepest > 1 else { return }
        consider(tile, 2, blocks: blocks, walk: walk)
        var last = 1.0
        var wanted = context.units / blocks
        for _ in 0..<3 {
          let z = min(max(floored(wanted), 1), deepest)
          if z > last, z != 2, blocks * z <= most {
            consider(tile, z, blocks: blocks, walk: walk)
          }
          last = z
          wanted *= 2
        }
      }

      for tile in tiles
      where (tile.rows <= 16 || tile.rows < 2 * m) && (tile.columns <= 32 || tile.columns < 2 * n) {
        considerSplits(
          tile, blocks: ceiling(m * tile.perRow) * ceiling(n * tile.perColumn), walk: walk)
      }
      if shape.m == 1 { considerSplits(vectorTile, blocks: ceiling(n / 8), walk: vectorWalk) }

      let moved = transfer * transfer * transfer * transfer
      for index in 0..<count {
        seconds[index] += (busy[index] * busy[index] + moved).squareRoot().squareRoot()
      }
      var best = 0
      for index in 1..<count where seconds[index] < seconds[best] { best = index }
      let least = seconds[best]
      // In two loops: of the first the compiler makes vectors.
      for index in 0..<count { busy[index] = least / seconds[index] }
      var sum = 0.0
      var weights = 0.0
      for index in 0..<count {
        var weight = busy[index]
        weight *= weight
        weight *= weight
        weight *= weight
        weight *= weight
        sum += weight * seconds[index]
        weights += weight
      }
      return OperatorCost(
        seconds: sum / weights, compute: arithmetic[best], bandwidth: transfer,
        latency: max(0, least - max(transfer, arithmetic[best])))
    }
  }

  /// Seconds to move all operands.
  private func transferSeconds(_ m: Double, _ n: Double, _ k: Double) -> Double {
    let weights = context.weightBytes * n * k
    let activations = context.activationBytes * (m * k + m * n)
    let filled = (weights + activations) / context.lastLevelCache
    var moved = (weights + activations) / (context.bandwidth * memoryShare)
    if context.isWarm {
      let weightsHit = resident(Self.loopedCopies * weights)
      let activationsHit = resident(weights + activations)
      let hit = weightsHit * weights + activationsHit * activations
      moved =
        (weights + activations - hit) / (context.bandwidth * memoryShare) + hit / cacheRate
    }
    return transferExponent == 1 ? moved : moved * exp((transferExponent - 1) * log(filled))
  }

  private func resident(_ bytes: Double) -> Double {
    var ratio = min(bytes / (context.lastLevelCache * cacheEdge), 1e6)
    ratio *= ratio
    ratio *= ratio
    ratio *= ratio
    return 1 / (1 + ratio)
  }

  public static func floorSeconds(_ shape: MatrixShape, _ context: DeviceContext) -> Double {
    let cached = context.isWarm ? context.lastLevelCache : 0
    return max(
      shape.flops / context.peak, max(0, shape.bytes(context) - cached) / context.bandwidth)
  }

  public static func regime(_ shape: MatrixShape) -> String {
    let rows =
      shape.m == 1
      ? "m = 1" : shape.m <= 32 ? "m to 32" : shape.m <= 512 ? "m to 512" : "m over 512"
    guard shape.m > 1 else { return rows }
    return rows + (Double(shape.n) * Double(shape.k) < 4_194_304 ? ", small" : ", large")
  }

  public static func features(_ shape: MatrixShape) -> [(name: String, value: Double)] {
    [("m", Double(shape.m)), ("n", Double(shape.n)), ("k", Double(shape.k))]
  }
}
