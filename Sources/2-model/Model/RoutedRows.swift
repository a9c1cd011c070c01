import Foundation

/// How the rows of a step fall on the experts that one device holds, on average. A row is a token at
/// one of its experts.
public struct RoutedRows: Hashable, Sendable, BitwiseCopyable {
  /// Rows of blocks that kernels cut an expert's rows into.
  public static let blockRows = [16, 32, 64, 128]

  /// Rows that the device's experts multiply together.
  public var rows: Double
  /// Experts that have any.
  public var distinct: Double
  /// Blocks of so many rows as `blockRows` says, none of which holds rows of two experts.
  public var blocks: SIMD4<Double>
  /// Experts that have rows in some call of a timing loop whose calls route differently: what the
  /// loop reads again and again. `distinct` where all route alike.
  public var looped: Double

  public init(rows: Double, distinct: Double, blocks: SIMD4<Double>, looped: Double? = nil) {
    self.rows = rows
    self.distinct = distinct
    self.blocks = blocks
    self.looped = looped ?? distinct
  }

  /// Of rows that are known expert by expert.
  public init(counts: [Int]) {
    func blocks(_ size: Int) -> Double {
      Double(counts.reduce(0) { $0 + ($1 + size - 1) / size })
    }
    self.init(
      rows: Double(counts.reduce(0, +)), distinct: Double(counts.count { $0 > 0 }),
      blocks: SIMD4(Self.blockRows.map(blocks)))
  }
}

extension Routing {
  /// Rows of `tokens` tokens on the busiest of `devices` that share the experts: each holds
  /// `count / devices` of them, dealt in turn from the favourite on.
  ///
  /// An expert's rows are binomial; blocks beyond its first are counted by the normal distribution.
  ///
  /// - Precondition: `devices` divides the experts.
  public func rows(tokens: Int, count: Int, active: Int, devices: Int = 1) -> RoutedRows {
    guard exponent != 0 else {
      let one = Self.rows(tokens, chance: Double(active) / Double(count))
      let held = Double(count / devices)
      return RoutedRows(
        rows: held * one.rows, distinct: held * one.distinct, blocks: held * one.blocks)
    }
    var sum = RoutedRows(rows: 0, distinct: 0, blocks: .zero)
    let chances = chances(count: count, active: active)
    for expert in stride(from: 0, to: count, by: devices) {
      let one = Self.rows(tokens, chance: chances[expert])
      sum.rows += one.rows
      sum.distinct += one.distinct
      sum.blocks += one.blocks
    }
    return RoutedRows(rows: sum.rows, distinct: sum.distinct, blocks: sum.blocks)
  }

  /// Of one expert that each token chooses with a chance.
  private static func rows(_ tokens: Int, chance: Double) -> RoutedRows {
    let mean = Double(tokens) * chance
    let any = chance < 1 ? -expm1(Double(tokens) * log1p(-chance)) : 1
    let deviation = (mean * (1 - chance)).squareRoot()
    var blocks = SIMD4<Double>.zero
    for (index, size) in RoutedRows.blockRows.enumerated() {
      let size = Double(size)
      // Blocks that are full almost surely, then those that are likely.
      var full = max(0, ((mean - 6 * deviation) / size).rounded(.down))
      var count = full
      while full == 0 || full * size < mean + 6 * deviation {
        let more =
          deviation > 0
          ? erfc((full * size + 0.5 - mean) / (deviation * 2.0.squareRoot())) / 2
          : (full * size < mean ? 1 : 0)
        count += full == 0 ? any : min(any, more)
        full += 1
      }
      blocks[index] = count
    }
    return RoutedRows(rows: mean, distinct: any, blocks: blocks)
  }
}
