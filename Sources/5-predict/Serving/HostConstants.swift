/// What an engine's host code and its clients' side add to the device's work.
///
/// A step takes `max(factor·compute + collectives + step + [prompts]·prefill, sequence·sequences)`:
/// engines prepare one step while the device runs another, so work for each sequence shows only where
/// it is the longer. Requests and tokens pass a front end (HTTP, tokens to text and back), one after
/// another: `request` seconds each and `token` seconds each.
public struct HostConstants: Hashable, Sendable, Codable {
  /// Of the device's own work, over the cost model's.
  public var factor: Double
  /// Seconds a step.
  public var step: Double
  /// Seconds more where a step has prompts.
  public var prefill: Double
  /// Seconds a sequence and step, hidden behind the device.
  public var sequence: Double
  /// Seconds of the front end a request.
  public var request: Double
  /// Seconds of the front end a token.
  public var token: Double

  public init(
    factor: Double = 1, step: Double = 0, prefill: Double = 0, sequence: Double = 0,
    request: Double = 0, token: Double = 0
  ) {
    self.factor = factor
    self.step = step
    self.prefill = prefill
    self.sequence = sequence
    self.request = request
    self.token = token
  }

  /// Nothing but the device.
  public static let none = HostConstants()

  /// What engines have in common: where fits begin, and their prior.
  public static let typical = HostConstants(
    factor: 0.9, step: 5e-4, prefill: 2e-3, sequence: 2e-5, request: 5e-3, token: 7e-5)

  /// Seconds of a step, whose device work takes `device`.
  func seconds(_ device: StepSeconds, _ step: StepContents) -> Double {
    let shown =
      factor * device.compute + device.collectives + self.step
      + (step.chunks.isEmpty ? 0 : prefill)
    return max(shown, sequence * Double(step.decodes + step.chunks.count))
  }
}
