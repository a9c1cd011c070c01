import Foundation
import Records

@main
struct CostStudy {
  static func main() throws {
    let data = URL(fileURLWithPath: ProcessInfo.processInfo.environment["DYNO_DATA"] ?? "../shared/data")
    let device = try DeviceProfile(
      contentsOf: URL(fileURLWithPath: "profiles/devices/a100-80gb.json"))
    try OperatorStudy(
      data.appendingPathComponent("gpu-ops/a100-sxm-80gb-vllm-0.14.0"), device: device, seeds: 0..<2
    ).run()
  }
}
