import CostModel
import Foundation
import Machine
import Reports
import Search
import Serving

/// How long searches under load take, and how far the closed form that chooses what to simulate is off.
enum LoadStudy {
  static func run() throws {
    var table = Table([
      ("load", .left), ("priced", .right), ("simulated", .right), ("settled", .left),
      ("rank correlation", .right), ("apart", .right), ("closed forms, s", .right),
      ("in all, s", .right), ("best", .left),
    ])
    for (name, change) in loads {
      var spec = SearchSpec()
      spec.parameters = "llama-3.2-1b"
      spec.tokens = 100e9
      spec.law = "conditional-80m-297m"
      spec.targetLoss = "llama-3.2-1b"
      spec.devices = ["a100-40gb"]
      change(&spec.load)
      let start = ContinuousClock.now
      let result = try ArchitectureSearch(spec.problem(device: DeviceZoo.resolve)).run {
        Progress.show($0)
      }
      Progress.show("")
      guard let simulation = result.simulation else { continue }
      table.add([
        name, "\(result.priced)", "\(simulation.simulated)", simulation.isSettled ? "yes" : "no",
        simulation.rankCorrelation.map { Quantity.number($0, digits: 2) } ?? "–",
        Quantity.percent(simulation.deviation), Quantity.number(result.seconds),
        Quantity.number((ContinuousClock.now - start) / .seconds(1)),
        result.candidates[0].architecture.name,
      ])
    }
    print(
      table.rendered(.markdown)
        + "\n\n\(ProcessInfo.processInfo.activeProcessorCount) cores; N of llama-3.2-1b, a100-40gb under "
        + "vllm, 4096x1024.\n")
  }

  private static let level = ServiceLevel(timeToFirstToken: 1, timePerOutputToken: 0.02)

  private static let loads: [(String, @Sendable (inout LoadSpec) -> Void)] = [
    ("32 clients, most tokens", { $0.concurrencies = [32] }),
    (
      "32 clients under ttft=1s,tpot=20ms, least cost",
      {
        $0.concurrencies = [32]
        $0.level = level
        $0.price = HourlyPrice("2.5/h")
        $0.objective = .cost
      }
    ),
    (
      "1 request/s, least latency",
      { $0.rate = RequestRate("1/s") }
    ),
    ("the highest rate under ttft=1s,tpot=20ms", { $0.level = level }),
  ]
}
