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
  public static let currentVersion = 3

  /// One test of one architecture.
  public struct Cell: Codable, Sendable {
    public var modelType: String
    public var architecture: [String: JSONValue]
    public var test: String
    public var nSequences: Int
    /// Tokens of one run, all sequences together.
    public var tokens: Int
    /// Seconds of one run when warm.
    public var typicalS: Double
  }

  public var dynoBenchVersion = Self.currentVersion
  public var buildCommit: String
  public var cpuInfo: String
  public var environment: RunEnvironment
  public var typeWeights: WeightFormat
  public var typeK: DType
  public var nThreads: Int
  public var nBatch: Int
  public var cells: [Cell]
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

/// The lines that a serving child hears, none of which may fill its memory.
public final class BenchRequestLines {
  /// Bytes of a line; requests take some hundred.
  package static let longest = 64 << 10

  private let descriptor: Int32
  /// What was read and is not taken yet.
  private var bytes: [UInt8] = []

  /// - Parameter descriptor: such as that of standard input; it stays open.
  public init(descriptor: Int32) { self.descriptor = descriptor }

  /// The next line without its end; `nil` after the last.
  ///
  /// - Throws: `InputError` where it does not end.
  public func next() throws -> String? {
    var chunk = [UInt8](repeating: 0, count: 4 << 10)
    while true {
      let end = bytes.firstIndex(of: UInt8(ascii: "\n"))
      guard (end ?? bytes.count) <= Self.longest else {
        throw InputError(
          "stdin", problem: "has a line of more than \(Self.longest) bytes",
          expected: "a request to run a test")
      }
      if let end {
        let line = String(decoding: bytes[..<end], as: UTF8.self)
        bytes.removeSubrange(...end)
        return line
      }
      let count = read(descriptor, &chunk, chunk.count)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else {
        defer { bytes = [] }
        return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
      }
      bytes += chunk[..<count]
    }
  }
}
