import Foundation
import Model
import Records

/// One layer's experts on one device: what the forms of experts compute with.
public struct ExpertsLoad: Hashable, Sendable {
  /// Of the step, on all devices.
  public var tokens: Int
  public var hiddenSize: Int
  /// Of one expert, this device's part.
  public var columns: Int
  /// Experts of all devices.
  public var count: Int
  /// Experts that each token passes.
  public var active: Int
  /// How devices share them, and what falls on this one.
  public var placement: ExpertPlacement

  /// - Parameters:
  ///   - shape: with this device's part of an expert's columns, and the experts of all devices.
  ///   - placement: `nil`: all on one device, rows spread evenly over as many experts as `shape`
  ///     says some token passes.
  public init(_ shape: ExpertsShape, _ placement: ExpertPlacement? = nil) {
    tokens = shape.tokens
    hiddenSize = shape.hiddenSize
    columns = shape.intermediateSize
    count = shape.count
    active = shape.active
    var routed = Routing.even.rows(
      tokens: shape.tokens, count: shape.count, active: shape.active)
    (routed.distinct, routed.looped) = (shape.distinct, shape.distinct)
    self.placement = placement ?? ExpertPlacement(routed: routed)
  }

  /// Experts of this device.
  var held: Int { count / placement.expertParts }

  func weightBytes(_ context: DeviceContext) -> Double {
    3 * Double(hiddenSize) * Double(columns) * context.weightBytes
  }
}

/// Gated experts on a GPU: rows are sorted by expert, and one kernel multiplies all of them, once to
/// gate and up and once down, a block of rows of one expert at a time.
///
/// ```
/// of each product (n columns, k inputs), blocks of a rows and b columns:
/// arithmetic = row blocks·⌈n/b⌉·2ab·k / (P·share)·(1 + spill·[activations > cache])
/// memory     = (reads·n·k·(weight) + rows·(n + k)·(activation)) / (BW·memory share)
/// product    = ‖arithmetic, memory‖ + step·k/(block of k) + skipped·(empty blocks)/U
/// t          = launch + align + products + activations' bytes / (BW·elementwise_share)
/// ```
/// The second product of a width that 16 does not divide is `unaligned` times slower: its loads are of
/// single elements. Kernels are vLLM's (`fused_moe`, https://github.com/vllm-project/vllm): blocks of
/// 16 by 32 for at most as many tokens as the device holds experts, 64 by 64 above, in chunks of 16,384
/// tokens; with at most a quarter of a row an expert each row is a block of its own. Sizes that it has
/// been tuned for on a device (`tuned_experts` of its profile) run larger blocks. A block of rows
/// reads its expert's weights again unless others of its group, or the cache, have them still.
public struct RoutedExperts: CostForm {
  public static let family = "experts"
  public static let coefficients = [
    Coefficient(
      "launch", nominal: 1.5e-5, spread: 0.5, carries: false, "seconds of five launches"),
    Coefficient(
      "align", nominal: 5e-6, spread: 0.7, carries: false,
      "seconds of the kernel that sorts rows by expert"),
    Coefficient(
      "default_share", nominal: 0.35, spread: 0.4, carries: false,
      "share of the peak of blocks of 64 by 64"),
    Coefficient(
      "small_share", nominal: 0.2, spread: 0.7, carries: false,
      "share of the peak of blocks of 16 by 32"),
    Coefficient(
      "tuned_share", nominal: 0.7, spread: 0.3, carries: false,
      "share of the peak of blocks of 128 by 128 where sizes are tuned"),
    Coefficient(
      "tile_feed", nominal: 20, spread: 0.7, carries: false,
      "elements: how much worse smaller tuned blocks feed the units"),
    Coefficient(
      "step", nominal: 2e-7, spread: 0.7, carries: false, "seconds of a block's step along k"),
    Coefficient(
      "memory_share", nominal: 0.9, spread: 0.15, "share of the bandwidth that is reached"),
    Coefficient(
      "default_memory_share", nominal: 0.8, spread: 0.2, carries: false,
      "the same of blocks of 64 by 64"),
    Coefficient(
      "overlap", nominal: 2, spread: 0.3, carries: false, "how arithmetic and memory overlap"),
    Coefficient(
      "elementwise_share", nominal: 0.5, spread: 0.4,
      "share of the bandwidth of the activation and of the sum over experts"),
    Coefficient(
      "skipped", nominal: 4e-8, spread: 0.5, carries: false,
      "seconds of a unit for a block that finds no rows"),
    Coefficient(
      "cache_edge", nominal: 0.5, spread: 0.5, "share of the last cache that weights may fill"),
    Coefficient(
      "cache_gain", nominal: 5, spread: 0.7,
      "weights in the last cache are read 1 + this times faster"),
    Coefficient(
      "spill", nominal: 0.3, spread: 1, carries: false,
      "arithmetic is 1 + this times slower where activations leave the last cache"),
    Coefficient(
      "unaligned", nominal: 2, spread: 0.7, carries: false,
      "products of rows that are not aligned take so many times as long"),
  ]

  /// How a kernel cuts a product.
  private struct Blocks {
    var rows: Double
    var columns: Double
    var depth: Double
    /// Row blocks that walk over the columns side by side.
    var group: Double
  }

  private static let chunk = 16_384.0

  private let context: DeviceContext
  private let launch, align, defaultShare, smallShare, tunedShare, feed, step: Double
  private let memoryShare, defaultMemoryShare, elementwiseShare, skipped: Double
  private let cacheEdge, cacheGain, spill, unaligned: Double
  private let larger: SmoothMaximum

  public init(_ context: DeviceContext, _ values: [Double]) {
    self.context = context
    launch = values[0]
    align = values[1]
    defaultShare = values[2]
    smallShare = values[3]
    tunedShare = values[4]
    feed = values[5]
    step = values[6]
    memoryShare = values[7]
    defaultMemoryShare = values[8]
    larger = SmoothMaximum(exponent: values[9])
    elementwiseShare = values[10]
    skipped = values[11]
    cacheEdge = values[12]
    cacheGain = values[13]
    spill = values[14]
    unaligned = values[15]
  }

  public func cost(_ load: ExpertsLoad) -> OperatorCost {
    let routed = load.placement.routed
    let tokens = Double(load.tokens)
    let rows = tokens * Double(load.active)
    let chunks = ceiling(tokens / Self.chunk)
    let tokensOfChunk = tokens / chunks
    let isTuned = context.tunedExperts.contains(
      ExpertSizes(count: load.held, intermediateSize: load.columns))
    let isSmall = !isTuned && tokensOfChunk <= Double(load.held)
    let blocks = Self.blocks(
      isTuned: isTuned, isSmall: isSmall,
      rowsOfExpert: tokensOfChunk * Double(load.active) / Double(load.count))
    // Each row by itself, whosever it is.
    let isSingle = load.placement.expertParts == 1 && 4 * rows <= Double(load.count)
    let index = RoutedRows.blockRows.firstIndex(of: Int(blocks.rows))!
    let rowBlocks =
      isSingle ? rows : routed.blocks[index] + (chunks - 1) * routed.distinct / 2
    let distinct = isSingle ? rows : routed.distinct * chunks
    // Room for sorted rows is made for the worst case, and blocks are started for all of it.
    let started =
      rows < Double(load.count)
      ? min(rows, rows / blocks.rows + Double(load.count))
      : rows / blocks.rows + Double(load.count)

    func fed(_ a: Double, _ b: Double) -> Double { 1 + feed / a + feed / b }
    let share =
      isTuned
      ? tunedShare * fed(128, 128) / fed(blocks.rows, blocks.columns)
      : isSmall ? smallShare : defaultShare
    let looped = routed.looped * load.weightBytes(context)
    let hit = residentShare(looped, edge: cacheEdge, context)
    let bandwidth =
      context.bandwidth * (isTuned || isSmall ? memoryShare : defaultMemoryShare)
      / (1 - hit * cacheGain / (1 + cacheGain))
    let (hidden, columns) = (Double(load.hiddenSize), Double(load.columns))
    let isAligned = load.columns % 16 == 0

    var cost = OperatorCost(seconds: 0, compute: 0, bandwidth: 0, latency: 0)
    for isDown in [false, true] {
      let (n, k) = isDown ? (hidden, columns) : (2 * columns, hidden)
      let read = isDown ? routed.rows / chunks : tokensOfChunk
      let columnBlocks = ceiling(n / blocks.columns)
      let activations = context.activationBytes * read * k / context.lastLevelCache
      let spilt = 1 - 1 / (1 + activations * activations)
      let arithmetic =
        rowBlocks * columnBlocks * 2 * blocks.rows * blocks.columns * k / (context.peak * share)
        * (1 + spill * spilt)
      let matrix = n * k * context.weightBytes
      let again = max(0, rowBlocks - distinct) / blocks.group * (1 - kept(matrix))
      let memory =
        ((distinct + again) * matrix + context.activationBytes * routed.rows * (n + k)) / bandwidth
      let walk = step * k / blocks.depth * chunks
      let slower = isDown && !isAligned ? unaligned : 1
      let empty = skipped * max(0, started - rowBlocks) * columnBlocks / context.units
      cost.seconds += (larger(arithmetic, memory) + walk) * slower + empty
      cost.compute += arithmetic * slower
      cost.bandwidth += memory * slower
      cost.latency += walk * slower + empty
    }
    let elementwise =
      context.activationBytes * (rows * (3 * columns + hidden) + 2 * tokens * hidden)
      / (context.bandwidth * elementwiseShare)
    let start = (launch + (isSingle ? 0 : align)) * chunks
    cost.seconds += start + elementwise
    cost.bandwidth += elementwise
    cost.latency += start
    return cost
  }

  /// Share of an expert's matrix that its last block left in the cache.
  private func kept(_ bytes: Double) -> Double {
    let ratio = bytes / (cacheEdge * context.lastLevelCache)
    let cubed = ratio * ratio * ratio
    return 1 / (1 + cubed * cubed)
  }

  private static func blocks(isTuned: Bool, isSmall: Bool, rowsOfExpert: Double) -> Blocks {
    guard isTuned else {
      return isSmall
        ? Blocks(rows: 16, columns: 32, depth: 64, group: 1)
        : Blocks(rows: 64, columns: 64, depth: 32, group: 8)
    }
    // What tuning finds, as a rule: blocks grow with an expert's rows.
    let rows: Double =
      switch rowsOfExpert {
      case ...16: 16
      case ...48: 32
      case ...200: 64
      default: 128
      }
    return Blocks(rows: rows, columns: rows > 16 ? 128 : 64, depth: 64, group: 16)
  }

  /// Rows on one of several devices are an average of random draws: half of it counts.
  public static func floorSeconds(_ load: ExpertsLoad, _ context: DeviceContext) -> Double {
    let share = load.placement.expertParts == 1 ? 1 : 0.5
    let weights = load.weightBytes(context)
    let flops =
      6 * share * load.placement.routed.rows * Double(load.hiddenSize) * Double(load.columns)
    // A token's experts are different ones.
    let distinct = load.placement.expertParts == 1 ? Double(min(load.active, load.count)) : 0
    let cached = context.isWarm ? context.lastLevelCache : 0
    return max(flops / context.peak, max(0, distinct * weights - cached) / context.bandwidth)
  }

  public static func regime(_ load: ExpertsLoad) -> String {
    ExpertsRegime.named(load)
  }

  public static func features(_ load: ExpertsLoad) -> [(name: String, value: Double)] {
    ExpertsRegime.features(load)
  }
}

enum ExpertsRegime {
  static func named(_ load: ExpertsLoad) -> String {
    let tokens =
      switch load.tokens {
      case ...4: "to 4 tokens"
      case ...64: "to 64 tokens"
      case ...1024: "to 1024 tokens"
      default: "over 1024 tokens"
      }
    return tokens + (load.held <= 8 ? ", few experts" : ", many experts")
  }

  static func features(_ load: ExpertsLoad) -> [(name: String, value: Double)] {
    [
      ("tokens", Double(load.tokens)), ("hidden_size", Double(load.hiddenSize)),
      ("intermediate_size", Double(load.columns)), ("experts", Double(load.held)),
      ("active_experts", Double(load.active)),
    ]
  }
}
