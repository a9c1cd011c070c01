import Input
import Model
import Records

/// How the devices that share layers share experts, and how tokens spread over them.
public struct ExpertSharing: Sendable, Hashable {
  /// Parts into which experts are dealt: each of these groups of devices holds whole experts, whose
  /// columns its devices split. 1: every device has a part of every expert.
  public var parts: Int
  public var routing: Routing

  public init(parts: Int = 1, routing: Routing = .even) {
    self.parts = parts
    self.routing = routing
  }

  /// One of `devices` devices' part of `tokens` tokens' experts.
  ///
  /// - Parameter shape: with that device's columns.
  func load(_ shape: ExpertsShape, devices: Int) -> ExpertsLoad {
    ExpertsLoad(
      shape,
      ExpertPlacement(
        expertParts: parts, columnParts: devices / parts,
        routed: routing.rows(
          tokens: shape.tokens, count: shape.count, active: shape.active, devices: parts)))
  }

  /// `architecture` with experts so wide that the part of one of `devices` devices, as
  /// `Layer.part(of:)` cuts it, has as many columns of each as it computes.
  func widened(_ architecture: Architecture, devices: Int) -> Architecture {
    guard parts > 1 else { return architecture }
    var wide = architecture
    wide.layers.modifyKinds { layer in
      guard var experts = layer.experts else { return }
      let holders = devices / parts
      experts.intermediateSize = (experts.intermediateSize + holders - 1) / holders * devices
      layer.experts = experts
    }
    return wide
  }

  func divides(_ layer: Layer, devices: Int) -> Bool {
    guard let experts = layer.experts else { return true }
    return parts > 0 && devices % parts == 0 && experts.count % parts == 0
      && experts.intermediateSize % (devices / parts) == 0
      && (experts.shared?.intermediateSize ?? 0) % devices == 0
  }

  /// - Throws: `InputError` where experts cannot be dealt so, with what can be.
  func check(_ architecture: Architecture, devices: Int) throws {
    guard parts != 1 else { return }
    let layers = architecture.layers.kinds
    let divisors = (1...max(1, devices)).filter { count in
      let other = ExpertSharing(parts: count)
      return devices % count == 0 && layers.allSatisfy { other.divides($0, devices: devices) }
    }
    let problem: String
    if parts < 1 {
      problem = "is \(parts)"
    } else if architecture.firstExperts == nil {
      problem = "is \(parts), and \(architecture.name) has no experts"
    } else if devices % parts != 0 {
      problem = "\(parts) does not divide the \(devices) devices that share layers"
    } else if let layer = layers.first(where: { ($0.experts?.count ?? 0) % parts != 0 }) {
      problem =
        "\(layer.experts!.count) experts of \(architecture.name) do not divide by \(parts)"
    } else {
      return
    }
    throw InputError(
      "expert_parallel", problem: problem,
      expected: architecture.firstExperts == nil
        ? "1" : divisors.map(String.init).joined(separator: ", "))
  }
}
