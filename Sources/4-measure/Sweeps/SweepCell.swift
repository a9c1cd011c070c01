import Harness
import Input
import Model
import Store

/// One point of a sweep's grid: an architecture, how it is run, and what is timed.
///
/// Cells of the same content are the same, whatever their architectures are called.
public struct SweepCell: Sendable {
  public var architecture: Architecture
  public var test: ThroughputTest
  public var settings: ThroughputBench.Settings

  public init(
    architecture: Architecture, test: ThroughputTest, settings: ThroughputBench.Settings
  ) {
    self.architecture = architecture
    self.test = test
    self.settings = settings
  }

  /// For people.
  public var name: String {
    "\(architecture.name) \(settings.randomDType) \(test.name), batch \(test.batch)"
      + (settings.threads.map { ", \($0) thread\($0 == 1 ? "" : "s")" } ?? "")
  }

  /// What it is, without where and by which build it is measured.
  var content: [String: JSONValue] {
    var content: [String: JSONValue] = [
      "architecture": .object(architecture.config),
      "dtype": .string(settings.randomDType.rawValue),
      "cache_dtype": .string(settings.cacheDType.rawValue),
      "threads": settings.threads.map(JSONValue.integer) ?? .null,
      "chunk": .integer(settings.chunk),
      "seed": .string("\(settings.seed)"),
      "depth": .integer(test.depth),
      "batch": .integer(test.batch),
    ]
    if let routing = settings.routing(of: architecture) {
      content["routing"] = .number(routing.exponent)
    }
    switch test.phase {
    case .prefill(let tokens): content["prompt"] = .integer(tokens)
    case .decode(let tokens): content["generate"] = .integer(tokens)
    case .workload(let prompt, let generate, let exact):
      content["workload"] = .string("\(prompt)x\(generate)")
      content["exact"] = .bool(exact)
    }
    if let repetitions = settings.repetitions {
      content["repetitions"] = .integer(repetitions)
    } else {
      content["precision"] = .number(settings.precision)
      content["budget"] = .number(settings.budgetSeconds)
    }
    return content
  }

  /// The same on every host and for every build: what shards are dealt by.
  var contentKey: String { ContentHash.hex(CanonicalJSON.text(.object(content))) }

  /// Everything that its result depends on, as far as we know it.
  func identity(on site: MeasuringSite) -> String {
    var content = self.content
    content["threads"] = .integer(settings.threads ?? site.defaultThreads)
    content["host"] = .object(site.host)
    content["build"] = .object(site.build)
    return CanonicalJSON.text(.object(content))
  }
}
