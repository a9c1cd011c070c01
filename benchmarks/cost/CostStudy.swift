import Foundation
import Records

@main
struct CostStudy {
  static func main() throws {
    let data = URL(fileURLWithPath: ProcessInfo.processInfo.environment["DYNO_DATA"] ?? "../shared/data")
    func profile(_ name: String) throws -> DeviceProfile {
      try DeviceProfile(contentsOf: URL(fileURLWithPath: "profiles/devices/\(name).json"))
    }
    if CommandLine.arguments.contains("operators") {
      try OperatorStudy(
        data.appendingPathComponent("gpu-ops/a100-sxm-80gb-vllm-0.14.0"),
        device: try profile("a100-80gb"), seeds: 0..<2
      ).run()
    }
    if CommandLine.arguments.contains("runs") {
      let study = try WholeRunStudy(data.appendingPathComponent("gpu-e2e/llm-inference-bench.csv"))
      try study.run(try profile("a100-40gb"), hardware: "A100")
      try study.run(try profile("h100-sxm"), hardware: "H100")
    }
  }
}
