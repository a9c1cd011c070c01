import Formats
import Foundation
import Input
import Machine
import Model
import Records

// What a serving `dyno bench` says on stdout and hears on stdin, one JSON object a line. The child
// prepares everything once, says `BenchHello`, then answers each `BenchRequest` with a `BenchReply`
// until stdin ends.

/// What a serving child can run.
public struct BenchHello: Codable, Sendable {
  public static let currentVersion = 4

  /// One test of one architecture.
  public struct Cell: Codable, Sendable {
    public var modelType: String
    public var architecture: [String: JSONValue]
    public var test: String
    public var nSequences: Int
    public var typeWeights: WeightFormat
    /// What weights are multiplied with.
    public var typeActivations: ActivationFormat
    /// How unevenly tokens choose experts; `nil` where a router does, or there are none.
    public var routingExponent: Double?
    /// Tokens of one run, all sequences together.
    public var tokens: Int
    /// Seconds of one run when warm.
    public var typicalS: Double
  }

  public var dynoBenchVersion = Self.currentVersion
  public var buildCommit: String
  public var cpuInfo: String
  public var environment: RunEnvironment
  public var typeK: DType
  public var nThreads: Int
  public var nBatch: Int
  public var cells: [Cell]
}

/// What every version of `BenchHello` says.
package struct BenchVersion: Codable {
  package var dynoBenchVersion: Int
}

/// Asks for one block of runs.
public struct BenchRequest: Codable, Sendable {
  public var cell: Int
  public var runs: Int
  /// Share of its duration by which each timed section is made longer, by spinning.
  public var stretch: Double
  /// Whether to measure the machine's limits right before and after, and tell the floor by them.
  public var floor: Bool

  public init(cell: Int, runs: Int, stretch: Double = 0, floor: Bool = false) {
    self.cell = cell
    self.runs = runs
    self.stretch = stretch
    self.floor = floor
  }

  /// Whether its numbers are ones that a comparison asks for: larger ones would take for ever, or
  /// leave the range of integers.
  package var isSane: Bool { (1...10_000).contains(runs) && (0...100).contains(stretch) }
}

/// One block of runs.
public struct BenchReply: Codable, Sendable {
  /// Of each timed run.
  public var seconds: [Double]
  public var suspicions: [Suspicion]
  /// The least seconds that one run could have taken, where that was asked and weights are of the
  /// dtype that was asked for: a file's may mix several.
  public var floorS: Double?
}

/// One line of the protocol.
public enum BenchLine {
  public static func encode(_ message: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(message), as: UTF8.self)
  }

  public static func decode<Message: Decodable>(_: Message.Type, _ line: String) -> Message? {
    try? JSONDecoder().decode(Message.self, from: Data(line.utf8))
  }
}
