import Foundation

/// What engines run between devices: their own all-reduce where it pays, the library's collectives
/// else.
struct Collectives {
  private let context: DeviceContext
  private let library: LibraryCollective
  private let peers: PeerAllReduce

  init(_ context: DeviceContext, _ coefficients: OperatorCoefficients) {
    self.context = context
    // A CPU shares nothing, and its profile has none of them.
    library = LibraryCollective(
      context,
      coefficients[LibraryCollective.family] ?? LibraryCollective.coefficients.map(\.nominal))
    peers = PeerAllReduce(
      context, coefficients[PeerAllReduce.family] ?? PeerAllReduce.coefficients.map(\.nominal))
  }

  /// Seconds, as part of a captured graph.
  func seconds(_ shape: CollectiveShape) -> Double {
    guard shape.devices > 1, shape.bytes > 0 else { return 0 }
    return PeerAllReduce.runs(shape, context)
      ? peers.cost(shape).seconds : library.cost(shape).seconds
  }

  func seconds(
    _ operation: CollectiveShape.Operation, bytes: Double, devices: Int
  ) -> Double {
    seconds(CollectiveShape(operation, bytes: bytes, devices: devices))
  }

  /// Seconds until a stage's rows are at the next one's device: one step, all bytes once.
  func handOver(bytes: Double) -> Double {
    library.cost(CollectiveShape(.allGather, bytes: 2 * bytes, devices: 2)).seconds
  }
}
