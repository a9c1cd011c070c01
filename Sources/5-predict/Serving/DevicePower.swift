import Requests

/// What a device draws, from its maker's datasheet: nominal, not measured.
public struct DevicePower: Sendable {
  /// Watts while steps run: the board's limit.
  public let busy: Double
  /// Watts in between: assumed, a tenth of the limit.
  public var idle: Double { busy / 10 }
  public let source: String

  /// - Parameter device: a shipped profile's name.
  /// - Returns: `nil` for one whose power is not known.
  public init?(device: String) {
    let known: [String: (Double, String)] = [
      "a100-40gb": (400, "NVIDIA A100 datasheet, SXM"),
      "a100-80gb": (400, "NVIDIA A100 datasheet, SXM"),
      "h100-sxm": (700, "NVIDIA H100 datasheet, SXM"),
      "h100-pcie": (350, "NVIDIA H100 datasheet, PCIe"),
      "h200-sxm": (700, "NVIDIA H200 datasheet, SXM"),
      "b200": (1000, "NVIDIA DGX B200 datasheet"),
      "l40s": (350, "NVIDIA L40S datasheet"),
      "l4": (72, "NVIDIA L4 datasheet"),
      "a10g": (300, "NVIDIA A10 family, as AWS runs the A10G"),
      "rtx-3090": (350, "NVIDIA GeForce RTX 3090 specifications"),
      "rtx-4090": (450, "NVIDIA GeForce RTX 4090 specifications"),
      "rtx-pro-6000": (600, "NVIDIA RTX PRO 6000 Blackwell datasheet"),
      "mi300x": (750, "AMD Instinct MI300X datasheet"),
    ]
    guard let (watts, text) = known[device] else { return nil }
    busy = watts
    source = text
  }

  /// Joules of `devices` over a run.
  public func joules(_ outcome: ServingOutcome, devices: Int) -> Double {
    let work = min(outcome.busySeconds, outcome.seconds)
    return Double(devices) * (busy * work + idle * (outcome.seconds - work))
  }
}
