import Foundation

/// Rotary position embedding (RoPE, arXiv 2104.09864): its base and its scaling to long contexts.
public struct RotaryEmbedding: Hashable, Sendable {
  /// Scaling of frequencies as LLaMA 3.1 introduced it: long wavelengths are stretched by
  /// `factor`, short ones kept, those in between blended.
  public struct Llama3Scaling: Hashable, Sendable {
    public var factor: Double
    public var lowFrequencyFactor: Double
    public var highFrequencyFactor: Double
    public var originalMaxPositions: Int

    public init(
      factor: Double, lowFrequencyFactor: Double, highFrequencyFactor: Double,
      originalMaxPositions: Int
    ) {
      self.factor = factor
      self.lowFrequencyFactor = lowFrequencyFactor
      self.highFrequencyFactor = highFrequencyFactor
      self.originalMaxPositions = originalMaxPositions
    }
  }

  public var theta: Double
  public var scaling: Llama3Scaling?

  public init(theta: Double, scaling: Llama3Scaling? = nil) {
    self.theta = theta
    self.scaling = scaling
  }

  /// Angle per position of each of the `headDimension / 2` rotated pairs.
  public func inverseFrequencies(headDimension: Int) -> [Double] {
    (0..<headDimension / 2).map { pair in
      let frequency = pow(theta, -2 * Double(pair) / Double(headDimension))
      guard let scaling else { return frequency }
      let wavelength = 2 * Double.pi / frequency
      let original = Double(scaling.originalMaxPositions)
      let turns = original / wavelength
      if turns < scaling.lowFrequencyFactor { return frequency / scaling.factor }
      if turns > scaling.highFrequencyFactor { return frequency }
      let smooth =
        (turns - scaling.lowFrequencyFactor)
        / (scaling.highFrequencyFactor - scaling.lowFrequencyFactor)
      return (1 - smooth) * frequency / scaling.factor + smooth * frequency
    }
  }
}
