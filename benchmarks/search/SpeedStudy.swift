import CostModel
import Foundation
import Machine
import Reports
import Search

/// How fast spaces of growing size are searched, and what memory that takes.
enum SpeedStudy {
  static func run() throws {
    var table = Table([
      ("space", .left), ("architectures", .right), ("priced", .right), ("front", .right),
      ("seconds", .right), ("a second", .right), ("peak memory", .right),
    ])
    for (name, change) in spaces {
      var spec = SearchSpec()
      spec.parameters = "llama-3.2-1b"
      spec.tokens = 100e9
      spec.law = "conditional-80m-297m"
      spec.targetLoss = "llama-3.2-1b"
      spec.devices = ["a100-40gb"]
      spec.batches = [128]
      change(&spec)
      let result = try ArchitectureSearch(spec.problem(device: DeviceZoo.resolve)).run {
        Progress.show($0)
      }
      Progress.show("")
      table.add([
        name, "\(result.enumerated)", "\(result.priced)", "\(result.front.count)",
        Quantity.number(result.seconds),
        Quantity.count(Double(result.enumerated) / result.seconds),
        Quantity.bytes(Double(ProcessMemory.peakBytes())),
      ])
    }
    print(
      table.rendered(.markdown)
        + "\n\n\(ProcessInfo.processInfo.activeProcessorCount) cores; a100-40gb "
        + "under vllm, 4096x1024, batch 128.\n")
  }

  private static let spaces: [(String, @Sendable (inout SearchSpec) -> Void)] = [
    ("GQA ≤ 4, multiples of 128", { _ in }),
    ("GQA ≤ 9, multiples of 128", { $0.maxGQA = 9 }),
    (
      "the same with a quarter and half of the layers without attention, 5:1x512 and shared pairs",
      {
        $0.maxGQA = 9
        $0.axes.attentionFree = [.count(0), .share(0.25), .share(0.5)]
        $0.axes.windows = ["none", "5:1x512"].compactMap(WindowPattern.init)
        $0.axes.sharedPairs = [false, true]
      }
    ),
    ("GQA free, multiples of 128", { $0.maxGQA = .max }),
    (
      "GQA free, multiples of 64",
      {
        $0.maxGQA = .max
        $0.hiddenMultiple = 64
        $0.intermediateMultiple = 64
      }
    ),
    (
      "GQA ≤ 9, multiples of 64, 12 to 24 layers, heads of 64 and 128",
      {
        $0.maxGQA = 9
        $0.hiddenMultiple = 64
        $0.intermediateMultiple = 64
        $0.layers = Array(12...24)
        $0.headDimensions = [64, 128]
      }
    ),
  ]
}
