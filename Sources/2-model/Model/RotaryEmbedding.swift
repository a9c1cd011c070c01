import Foundation

/// Rotary position embedding (RoPE, arXiv 2104.09864): its base and its scaling to long contexts, by
/// the rules that transformers computes (`modeling_rope_utils`).
public struct RotaryEmbedding: Hashable, Sendable {
  public enum Scaling: Hashable, Sendable {
    /// All wavelengths are stretched.
    case linear(factor: Double)
    /// The base grows with the sequence once that is longer than `originalMaxPositions`.
    case dynamic(factor: Double, originalMaxPositions: Int)
    /// Long wavelengths are stretched, short ones kept, those in between blended (LLaMA 3.1).
    case llama3(
      factor: Double, lowFrequencyFactor: Double, highFrequencyFactor: Double,
      originalMaxPositions: Int)
    /// YaRN (arXiv 2309.00071).
    case yarn(YaRN)
    /// A factor for each pair: `short` up to the original length, `long` beyond (arXiv 2402.13753).
    case longrope(
      short: [Double], long: [Double], originalMaxPositions: Int, attentionFactor: Double)
  }

  public struct YaRN: Hashable, Sendable {
    public var factor: Double
    public var originalMaxPositions: Int
    public var betaFast: Double
    public var betaSlow: Double
    /// Whether the blend's ends are whole pairs.
    public var truncates: Bool
    /// What cosines and sines are multiplied by.
    public var attentionFactor: Double

    public init(
      factor: Double, originalMaxPositions: Int, betaFast: Double = 32, betaSlow: Double = 1,
      truncates: Bool = true, attentionFactor: Double
    ) {
      self.factor = factor
      self.originalMaxPositions = originalMaxPositions
      self.betaFast = betaFast
      self.betaSlow = betaSlow
      self.truncates = truncates
      self.attentionFactor = attentionFactor
    }

    /// The attention factor of the paper, `0.1·mscale·ln(factor) + 1`.
    public static func magnitude(_ factor: Double, mscale: Double = 1) -> Double {
      factor <= 1 ? 1 : 0.1 * mscale * log(factor) + 1
    }
  }

  /// The attention factor of LongRoPE, √(1 + ln(factor)/ln(original)).
  public static func longropeMagnitude(_ factor: Double, original: Int) -> Double {
    factor <= 1 ? 1 : (1 + log(factor) / log(Double(original))).squareRoot()
  }

  public var theta: Double
  public var scaling: Scaling?

  public init(theta: Double, scaling: Scaling? = nil) {
    self.theta = theta
    self.scaling = scaling
  }

  /// Whether angles depend on how long the sequence has become.
  public var dependsOnLength: Bool {
    switch scaling {
    case .dynamic, .longrope: true
    default: false
    }
  }

  /// What cosines and sines are multiplied by.
  public var attentionFactor: Double {
    switch scaling {
    case .yarn(let yarn): yarn.attentionFactor
    case .longrope(_, _, _, let factor): factor
    default: 1
    }
  }

  /// Angle per position of each of the `dimensions / 2` turned pairs.
  ///
  /// - Parameter length: positions of the sequence, those of this step included.
  public func inverseFrequencies(dimensions: Int, length: Int = 0) -> [Double] {
    func plain(_ theta: Double) -> [Double] {
      (0..<dimensions / 2).map { pow(theta, -2 * Double($0) / Double(dimensions)) }
    }
    switch scaling {
    case nil: return plain(theta)
    case .linear(let factor): return plain(theta).map { $0 / factor }
    case .dynamic(let factor, let original):
      let length = Double(max(length, original))
      let size = Double(dimensions)
      return plain(
        theta * pow(factor * length / Double(original) - (factor - 1), size / (size - 2)))
    case .llama3(let factor, let low, let high, let original):
      return plain(theta).map { frequency in
        let turns = Double(original) * frequency / (2 * Double.pi)
        if turns < low { return frequency / factor }
        if turns > high { return frequency }
        let smooth = (turns - low) / (high - low)
        return (1 - smooth) * frequency / factor + smooth * frequency
      }
    case .yarn(let yarn):
      let bounds = blended(yarn, dimensions: dimensions)
      return plain(theta).enumerated().map { pair, frequency in
        let ramp = min(1, max(0, (Double(pair) - bounds.low) / (bounds.high - bounds.low)))
        return frequency / yarn.factor * ramp + frequency * (1 - ramp)
      }
    case .longrope(let short, let long, let original, _):
      return zip(plain(theta), length > original ? long : short).map { $0 / $1 }
    }
  }

  /// Pairs between which YaRN blends from kept to stretched wavelengths.
  private func blended(_ yarn: YaRN, dimensions: Int) -> (low: Double, high: Double) {
    /// The pair that turns so often within the original length.
    func pair(turns: Double) -> Double {
      Double(dimensions) * log(Double(yarn.originalMaxPositions) / (turns * 2 * Double.pi))
        / (2 * log(theta))
    }
    var (low, high) = (pair(turns: yarn.betaFast), pair(turns: yarn.betaSlow))
    if yarn.truncates { (low, high) = (low.rounded(.down), high.rounded(.up)) }
    low = max(low, 0)
    high = min(high, Double(dimensions - 1))
    return (low, low == high ? high + 0.001 : high)
  }
}
