import CostModel
import Foundation
import Input
import Model
import Records
import Reports

/// Decode steps of a model of experts over batches: how many experts a step reads, and where all of
/// them are.
struct ExpertSweepStudy {
  private static let batches = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256]
  private static let workload = (prompt: 1024, generate: 128)
  /// Share of the experts that counts as all of them.
  private static let all = 0.95

  let architecture: Architecture
  let device: DeviceProfile
  let devices: Int

  /// - Parameter arguments: an architecture, a device and the devices that share layers.
  init(_ arguments: [String]) throws {
    architecture = try Zoo.resolve(arguments.first ?? "mixtral-8x7b")
    device = try DeviceZoo.resolve(arguments.dropFirst().first ?? "h100-sxm")
    let count = arguments.dropFirst(2).first ?? "2"
    guard let devices = Int(count), devices > 0 else {
      throw InputError("DEVICES", problem: "is \"\(count)\"", expected: "a count")
    }
    self.devices = devices
  }

  func run() throws {
    guard let experts = architecture.firstExperts else {
      throw InputError(architecture.name, problem: "has no experts", expected: "a model that has")
    }
    let isGPU = device.limits.kind == .gpu
    let predictor = try Predictor(
      device, isGPU ? .vllm : .dyno,
      Predictor.Settings(cache: isGPU ? .bf16 : .f16, tensorParallel: devices))
    var table = Table([
      ("batch", .right), ("experts read", .right), ("of", .right), ("TPOT", .right),
      ("experts' share", .right), ("output tok/s", .right), ("bound", .left),
    ])
    var knee: Int?
    for batch in Self.batches {
      let prediction: Prediction
      do {
        prediction = try predictor.predict(
          architecture,
          ServingWorkload(
            prompt: Self.workload.prompt, generate: Self.workload.generate, batch: batch),
          breakdown: true)
      } catch let error as InputError {
        print("Batch \(batch): \(error)\n")
        break
      }
      let read = prediction.expertsRead ?? 0
      if knee == nil, read >= Self.all * Double(experts.count) { knee = batch }
      let own = prediction.operators.first { $0.kind == .experts }
      table.add([
        "\(batch)", Quantity.number(read), "\(experts.count)",
        Quantity.seconds(prediction.point.timePerOutputToken),
        Quantity.percent((own?.cost.seconds ?? 0) / prediction.point.seconds),
        Quantity.number(prediction.point.outputTokensPerSecond), own?.cost.bound.rawValue ?? "–",
      ])
    }
    print(
      "\(architecture.name) on \(devices) × \(device.name), \(Self.workload.prompt) tokens in, "
        + "\(Self.workload.generate) out, routed evenly:\n")
    print(table.rendered(.markdown))
    if let knee {
      print(
        "\nFrom batch \(knee) on a step reads \(Quantity.percent(Self.all)) of the experts: further "
          + "sequences share what is read, and a step takes hardly longer.")
    }
  }
}
