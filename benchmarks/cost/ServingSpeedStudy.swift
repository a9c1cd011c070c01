import CostModel
import Foundation
import Model
import Numerics
import Reports
import Requests
import Serving

/// How fast servers under load are simulated: tokens made a second, and the time of many runs.
struct ServingSpeedStudy {
  private static let engines = [ServingEngine.vllm, .sglang, .tensorRT]
  private static let lengths = [(512, 128), (1024, 1024), (4096, 512), (8192, 1024)]
  private static let concurrencies = [1, 4, 16, 64, 256]
  private static let runs = 200
  private static let requests = 1000

  /// A closed loop of Llama-3.1-8B on an H100 with a predictor of its own: nothing is priced yet.
  private static func run(
    _ engine: ServingEngine, _ lengths: (Int, Int), concurrency: Int, seed: UInt64
  ) throws -> ServingOutcome {
    let predictor = try Predictor(DeviceZoo.resolve("h100-sxm"), engine, Predictor.Settings())
    let served = try ServingPredictor(
      predictor, Zoo.shipped().architecture(named: "llama-3.1-8b"), ServingSetup(engine),
      longest: lengths, concurrency: concurrency)
    let asked = try LengthDistribution(input: lengths.0, output: lengths.1, least: 0.8)
      .requests(requests, seed: seed)
    return try served.run(asked, .closedLoop(concurrency: concurrency))
  }

  static func run() throws {
    var table = Table([
      ("engine", .left), ("clients", .right), ("steps", .right), ("tokens made", .right),
      ("seconds", .right), ("steps a second", .right), ("tokens made a second", .right),
    ])
    for engine in engines {
      for concurrency in [1, 16, 64, 256] {
        let start = ContinuousClock.now
        let outcome = try run(engine, (1024, 1024), concurrency: concurrency, seed: 0)
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        let made = Double(outcome.requests.reduce(0) { $0 + $1.output })
        table.add([
          engine.name, "\(concurrency)", Quantity.count(Double(outcome.steps)),
          Quantity.count(made), Quantity.number(seconds),
          Quantity.count(Double(outcome.steps) / seconds), Quantity.count(made / seconds),
        ])
      }
    }
    print(
      "\(requests) requests of 1024x1024 (lengths from 0.8 of it) to Llama-3.1-8B on an H100, on one "
        + "thread, step prices from nothing:\n\n\(table.rendered(.markdown))\n")
    let start = ContinuousClock.now
    let tokens = Parallel.map(runs) { index -> Int in
      let outcome = try! run(
        engines[index % engines.count], lengths[index / 3 % lengths.count],
        concurrency: concurrencies[index / 12 % concurrencies.count], seed: UInt64(index))
      return outcome.requests.reduce(0) { $0 + $1.output }
    }.reduce(0, +)
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    print(
      "\(runs) closed loops of \(requests) requests (these engines, 512x128 to 8192x1024, 1 to 256 "
        + "clients) on \(ProcessInfo.processInfo.activeProcessorCount) threads: "
        + "\(Quantity.number(seconds)) s, \(Quantity.count(Double(tokens) / seconds)) tokens made a "
        + "second.\n")
  }
}
