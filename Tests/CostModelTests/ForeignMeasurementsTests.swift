import CostModel
import Formats
import Foundation
import Input
import Model
import Records
import TestSupport
import Testing

extension WholeRunTests {
  /// A published table has several GPUs: fitted together, they would be one that nobody has.
  @Test func runsOfOtherGPUsAreRefused() throws {
    func refusal(_ names: String..., device name: String = "a100-80gb") throws -> String? {
      var measurements = Measurements()
      measurements.runs = try names.enumerated().map { index, name in
        WholeRun(
          device: name, engine: "vllm-2024", architecture: try zoo("llama-3.2-1b"), weights: .bf16,
          cache: .bf16, prompt: 128, generate: 128, batch: 1 + index, seconds: 1,
          origin: "row \(index)")
      }
      var device = Devices.profile()
      device.name = name
      do {
        _ = try DeviceCalibration(device).run(measurements)
        return nil
      } catch let error as InputError {
        return "\(error)"
      }
    }
    #expect(try refusal("NVIDIA A100-SXM4-80GB", "Nvidia A100 GPU", "a100_sxm", "gpu") == nil)
    // A profile's name may mean nothing; then its rows must agree.
    #expect(try refusal("NVIDIA H100 80GB HBM3", "H100", device: "lab-node-3") == nil)
    #expect(try refusal("H100", "A100", device: "lab-node-3") != nil)
    #expect(try refusal("H100", device: "h200-sxm") != nil)
    let other = try #require(try refusal("Nvidia A100 GPU", "Nvidia H100 GPU"))
    #expect(other.contains("row 1") && other.contains("H100") && other.contains("only"), "\(other)")
  }
}
