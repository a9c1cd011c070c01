import Foundation
import Model

/// Decode attention of engines whose kernels read the cache once for each query head: keys and
/// values stream from memory once, and pass the L2's port once a query head.
///
/// ```
/// t = ⁴√((KV / (BW·share))⁴ + (KV·H/K / (units·clock·port) + walk·context)⁴)
/// ```
/// With a sliding window vLLM of 2024 used PagedAttention: its second version splits the walk and
/// reaches half of the 64-byte port; its first, for more than 512 (sequence, head) pairs, runs one
/// block each, as many at once as their logits fit into shared memory.
package struct PerQueryHeadAttention: Sendable {
  /// Share of the bandwidth that the stream reaches.
  var bandwidth: Double
  /// Bytes/s through the port at one byte a clock.
  var portRate: Double
  /// Bytes a clock of a unit.
  var port: Double
  /// The same of PagedAttention's first version; `nil` where windows change nothing.
  var pagedPort: Double?
  /// Seconds for each position, of a walk that nothing splits.
  var walk: Double
  /// Blocks of PagedAttention's first version that run at once.
  var pagedSlots: Double
  var cacheBytes: Double

  private static let secondVersionPort = 32.0
  private static let mostPairsOfSecondVersion = 512.0
  /// Shared memory of one block of the first version: logits of 8192 positions, and its own.
  static let pagedBlockBytes = 33.3 * 1024

  package init(
    bandwidth: Double, portRate: Double, port: Double, pagedPort: Double?, walk: Double,
    pagedSlots: Double, cacheBytes: Double
  ) {
    self.bandwidth = bandwidth
    self.portRate = portRate
    self.port = port
    self.pagedPort = pagedPort
    self.walk = walk
    self.pagedSlots = pagedSlots
    self.cacheBytes = cacheBytes
  }

  package func cost(_ shape: AttentionShape, windowed: Bool) -> OperatorCost {
    let s = SequenceAttention(shape)
    let bytes = 2 * cacheBytes * s.batch * s.keyValueHeads * s.context * s.headDimension
    let stream = bytes / bandwidth
    var through = bytes * s.queryHeads / s.keyValueHeads / portRate
    if windowed, let pagedPort {
      let pairs = s.batch * s.queryHeads
      if pairs > Self.mostPairsOfSecondVersion {
        through *= ceiling(pairs / pagedSlots) * pagedSlots / pairs / pagedPort
      } else {
        through /= Self.secondVersionPort
      }
    } else {
      through /= port
    }
    let alone = walk * s.context
    return OperatorCost(
      seconds: smoothMaximum4(stream, through + alone), compute: 0,
      bandwidth: max(stream, through), latency: alone)
  }
}
