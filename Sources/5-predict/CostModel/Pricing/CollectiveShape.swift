import Foundation

/// What devices do together with a tensor.
public struct CollectiveShape: Hashable, Sendable {
  public enum Operation: String, CaseIterable, Hashable, Sendable {
    case allReduce = "all_reduce"
    case allGather = "all_gather"
    case reduceScatter = "reduce_scatter"
    case allToAll = "alltoall"
  }

  public var operation: Operation
  /// Of the whole tensor.
  public var bytes: Double
  public var devices: Int
  /// Whether the host launches the call by itself, not as part of a captured graph.
  public var isEager: Bool

  public init(_ operation: Operation, bytes: Double, devices: Int, isEager: Bool = false) {
    self.operation = operation
    self.bytes = bytes
    self.devices = devices
    self.isEager = isEager
  }

  /// Bytes that a device sends: of a sum around a ring it sends its part p - 1 times to be added and
  /// p - 1 times to be spread (Patarasuk and Yuan 2009).
  var wireBytes: Double {
    let part = Double(devices - 1) / Double(devices) * bytes
    return operation == .allReduce ? 2 * part : part
  }

  /// Bytes that a device must get at the least, also where a switch adds and spreads for it.
  var leastBytes: Double { Double(devices - 1) / Double(devices) * bytes }

  var regimeName: String {
    let size = bytes < 65_536 ? "to 64 KiB" : bytes < 8_388_608 ? "to 8 MiB" : "over 8 MiB"
    return "\(operation.rawValue), \(size)"
  }

  var featureValues: [(name: String, value: Double)] {
    [("bytes", bytes), ("devices", Double(devices))]
  }

  /// What a captured call takes becomes what one launched by the host takes: it waits for the host,
  /// and copies its operand out of and into a buffer that peers may read.
  func eager(_ captured: Double, host: Double, bandwidth: Double) -> Double {
    isEager ? smoothMaximum4(captured + 2 * bytes / (0.8 * bandwidth), host) : captured
  }
}
