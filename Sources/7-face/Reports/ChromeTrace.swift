import Engine
import Foundation
import Model

/// Operator times as Chrome trace events, which Perfetto and chrome://tracing open: one process for
/// each architecture, one event an operator, with its FLOPs, bytes and rates.
public struct ChromeTrace: Encodable {
  private let traceEvents: [Event]
  private let displayTimeUnit = "ms"

  /// The text of a trace file. The format's keys are in camel case, unlike those of our records.
  public func text() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(self), as: UTF8.self)
  }

  private struct Event: Encodable {
    let name: String
    let ph: String
    let pid: Int
    let tid: Int
    var ts: Double?
    var dur: Double?
    let args: Arguments
  }

  private struct Arguments: Encodable {
    var name: String?
    var step: Int?
    var layer: Int?
    var flops: Double?
    var bytes: Double?
    var gflopPerSecond: Double?
    var gbPerSecond: Double?
  }

  public init(_ traces: [(name: String, events: [OperatorTrace.Event])]) {
    traceEvents = traces.enumerated().flatMap { process, trace in
      let start = trace.events.first?.startNanoseconds ?? 0
      let title = Event(
        name: "process_name", ph: "M", pid: process, tid: 0, args: Arguments(name: trace.name))
      return [title]
        + trace.events.map { event in
          let operation = event.operation
          let nanoseconds = Double(max(1, event.durationNanoseconds))
          return Event(
            name: operation.kind.rawValue, ph: "X", pid: process, tid: 0,
            ts: Double(event.startNanoseconds - start) / 1000, dur: nanoseconds / 1000,
            args: Arguments(
              step: event.step, layer: operation.layer, flops: operation.flops,
              bytes: operation.bytes, gflopPerSecond: operation.flops / nanoseconds,
              gbPerSecond: operation.bytes / nanoseconds))
        }
    }
  }
}
