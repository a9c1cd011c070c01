import Foundation
import Input
import Machine
import Store

/// The machine and the build that results depend on, as they enter a cell's key.
///
/// The machine's name does not: a cluster's nodes of one kind count as one.
public struct MeasuringSite: Sendable {
  public var host: [String: JSONValue]
  public var build: [String: JSONValue]
  /// Threads of a run that does not say how many.
  public var defaultThreads: Int

  public init(host: [String: JSONValue], build: [String: JSONValue], defaultThreads: Int) {
    self.host = host
    self.build = build
    self.defaultThreads = defaultThreads
  }

  /// This process's.
  public static func current() throws -> MeasuringSite {
    let topology = try Topology()
    guard let executable = try? Data(contentsOf: URL(fileURLWithPath: CellProcess.executable))
    else { throw HostError("\(CellProcess.executable): cannot be read") }
    return MeasuringSite(
      host: [
        "processor": .string(Processor.model), "signature": .string(Processor.signature),
        "topology": .string(topology.summary),
        "instruction_set": .string(try KernelTable.selected().name),
      ],
      // The commit alone misses changes that are not committed yet; the executable alone would
      // leave gaps in a history over commits.
      build: [
        "commit": .string(BuildInformation.commit),
        "executable": .string(ContentHash.hex(executable)),
        "openblas": .string(OpenBLAS.configuration),
      ],
      defaultThreads: ThreadTeam.defaultCount(topology))
  }
}
