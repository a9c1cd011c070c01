import Foundation

/// `m` rows times an `n` by `k` weight matrix.
public struct MatrixShape: Hashable, Sendable {
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

/// GEMM by tiles, waves and splits of k.
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
/// and of these the soft minimum, weights `(least/t)¹⁶`: the library picks nearly the best. In a
/// timing loop activations that fit the last cache are found there, at twice the bandwidth.
///
/// The form grew out of the design's section 6; tiles, waves and splits are those of CUTLASS
/// (split-K: https://github.com/NVIDIA/cutlass, "Efficient GEMM in CUDA").
public struct MatrixMultiplication: CostForm {
  public static let family = "gemm"
  public static let coefficients = [
    Coefficient(
      "launch", nominal: 4e-6, spread: 0.5, carries: false, "t0: seconds of an empty call"),
    Coefficient(
      "flop_share", nominal: 0.9, spread: 0.08, "ec: share of the peak that large tiles sustain"),
    Coefficient(
      "tile_feed", nominal: 16, spread: 0.5, carries: false,
      "h: elements; arithmetic over loads that a unit can do at once"),
    Coefficient(
      "latency", nominal: 0.25e-6, spread: 0.4, carries: false, "lat: seconds for 64 steps of k"),
    Coefficient(
      "memory_share", nominal: 0.8, spread: 0.1, "em: share of the bandwidth that is reached"),
    Coefficient(
      "transfer_exponent", nominal: 1, spread: 0.02, "ex: transfer time grows as bytes to this"),
    Coefficient(
      "fill_depth", nominal: 128, spread: 0.6, carries: false,
      "k0: steps of k that filling and draining a tile cost"),
    Coefficient(
      "split", nominal: 2e-6, spread: 0.5, carries: false, "seconds of the kernel that adds parts"),
    Coefficient(
      "partial_sums", nominal: 1, spread: 0.7, "red: partial sums' bytes over bandwidth, times this"
    ),
    Coefficient(
      "tail", nominal: 0.1, spread: 1, "0: whole waves, 1: fractions of waves"),
    Coefficient(
      "vector_gain", nominal: 8, spread: 0.7, carries: false,
      "gv: a single row walks along k so much faster"),
    Coefficient(
      "cache_edge", nominal: 1, spread: 0.3,
      "cl2: share of the last cache that reused operands may fill"),
  ]

  private static let gpuTiles: [(a: Double, b: Double)] = [
    (16, 32), (16, 64), (32, 64), (64, 32), (64, 64), (64, 128), (128, 64), (128, 128),
    (128, 256), (256, 128),
  ]
  /// A CPU's tiles hold rows in registers; few rows make narrow tiles instead of padding.
  private static let cpuTiles: [(a: Double, b: Double)] = [
    (1, 64), (2, 64), (4, 64), (8, 64), (16, 64), (64, 64), (256, 128),
  ]
  private static let leastDepth = 256.0
  private static let mostSplitWaves = 4.0
  private static let cacheSpeedup = 2.0
  private static let mostCandidates = 64

  private let context: DeviceContext
  private let launch, flopShare, feed, latency, memoryShare, transferExponent: Double
  private let fillDepth, split, partialSums, tail, vectorGain, cacheEdge: Double

  public init(_ context: DeviceContext, _ values: [Double]) {
    self.context = context
    launch = values[0]
    flopShare = values[1]
    feed = values[2]
    latency = values[3]
    memoryShare = values[4]
    transferExponent = values[5]
    fillDepth = values[6]
    split = values[7]
    partialSums = values[8]
    tail = min(values[9], 1)
    vectorGain = values[10]
    cacheEdge = values[11]
  }

  public func cost(_ shape: MatrixShape) -> OperatorCost {
    let (m, n, k) = (Double(shape.m), Double(shape.n), Double(shape.k))
    let transfer = transferSeconds(m, n, k)
    return withUnsafeTemporaryAllocation(of: Double.self, capacity: Self.mostCandidates) {
      candidates in
      var count = 0
      var least = Double.infinity
      var arithmetic = 0.0
      var fixed = 0.0

      func consider(_ a: Double, _ b: Double, _ z: Double, blocks: Double, isVector: Bool) {
        let depth = 32 * (k / (32 * z)).rounded(.up)
        let waves = blocks * z / context.units
        let whole = waves.rounded(.up)
        let counted = whole + tail * (max(waves, 1) - whole)
        let work = arithmeticSeconds(a, b, depth)
        let walk = depth / 64 * latency / (isVector ? vectorGain : 1)
        let busy = counted * (work * work + walk * walk).squareRoot()
        let ratio = busy / transfer
        let squared = ratio * ratio
        var seconds = launch + transfer * (1 + squared * squared).squareRoot().squareRoot()
        if z > 1 {
          seconds +=
            split * (1 + 0.2 * log2(z)) + partialSums * 4 * m * n * z / context.bandwidth
        }
        candidates[count] = seconds
        count += 1
        if seconds < least {
          least = seconds
          arithmetic = counted * work
          fixed = seconds - max(transfer, counted * work)
        }
      }

      switch context.kind {
      case .cpu:
        for (a, b) in Self.cpuTiles where a == 1 || a / 2 < m {
          consider(
            a, b, 1, blocks: (m / a).rounded(.up) * (n / b).rounded(.up), isVector: false)
        }
      case .gpu:
        for (a, b) in Self.gpuTiles where (a <= 16 || a / 2 < m) && (b <= 32 || b / 2 < n) {
          splits(of: k, blocks: (m / a).rounded(.up) * (n / b).rounded(.up)) {
            consider(a, b, $0, blocks: $1, isVector: false)
          }
        }
        if shape.m == 1 {
          splits(of: k, blocks: (n / 8).rounded(.up)) {
            consider(1, 8, $0, blocks: $1, isVector: true)
          }
        }
      }
      var sum = 0.0
      var weights = 0.0
      for index in 0..<count {
        var weight = least / candidates[index]
        weight *= weight
        weight *= weight
        weight *= weight
        weight *= weight
        sum += weight * candidates[index]
        weights += weight
      }
      return OperatorCost(
        seconds: sum / weights, compute: arithmetic, bandwidth: transfer, latency: max(0, fixed))
    }
  }

  private func arithmeticSeconds(_ a: Double, _ b: Double, _ depth: Double) -> Double {
    let fed = (1 + feed / a + feed / b) / (1 + feed / 256 + feed / 128)
    return 2 * a * b * (depth + fillDepth) * fed * context.units / (context.peak * flopShare)
  }

  /// Splits of k that the library may choose: none, 2, and those that make about 1, 2 or 4 waves.
  private func splits(
    of k: Double, blocks: Double, _ consider: (_ z: Double, _ blocks: Double) -> Void
  ) {
    let deepest = max(1, (k / Self.leastDepth).rounded(.down))
    let fill = context.units / blocks
    consider(1, blocks)
    var tried = (1.0, 1.0, 1.0, 1.0)
    func attempt(_ wanted: Double) -> Double {
      let z = min(max(wanted.rounded(.down), 1), deepest)
      let isNew = z != tried.0 && z != tried.1 && z != tried.2 && z != tried.3
      if isNew, blocks * z <= Self.mostSplitWaves * context.units { consider(z, blocks) }
      return z
    }
    tried.0 = attempt(2)
    tried.1 = attempt(fill)
    tried.2 = attempt(2 * fill)
    tried.3 = attempt(4 * fill)
  }

  /// Seconds to move all operands.
  private func transferSeconds(_ m: Double, _ n: Double, _ k: Double) -> Double {
    let weights = context.weightBytes * n * k / context.bandwidth
    let activations = context.activationBytes * (m * k + m * n) / context.bandwidth
    let filled = (weights + activations) * context.bandwidth / context.lastLevelCache
    var hit = 0.0
    if context.isWarm {
      var ratio = min(filled / cacheEdge, 1e6)
      ratio *= ratio
      ratio *= ratio
      ratio *= ratio
      hit = 1 / (1 + ratio)
    }
    let moved =
      (weights + (1 - hit) * activations) / memoryShare + hit * activations / Self.cacheSpeedup
    return transferExponent == 1 ? moved : moved * pow(filled, transferExponent - 1)
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
