import ArgumentParser
import CKernels
import Engine
import Formats
import Foundation
import Input
import Machine
import Model
import Numerics
import Reports
import Weights

/// Times single operators at the shapes of a model against this machine's limits, so that a slow
/// kernel, or a wrong choice between our kernels and OpenBLAS, is seen without running a model.
@main
struct KernelBench: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "dyno-kernel-bench")

  @Option(help: "Architecture whose shapes are used: a config.json, its folder or a zoo name.")
  var architecture = "llama-3.2-1b"

  @Option(help: "Samples of each cell; cells are interleaved.")
  var repetitions = 7

  @Option(help: "Threads. Default: one a core.")
  var threads: Int?

  @Option(help: "Storage of weights, comma-separated.")
  var dtypes = DType.allCases.map(\.rawValue).joined(separator: ",")

  @Option(help: "Activation rows, comma-separated.")
  var rows = "1,2,4,8,16,32,48,64,128,256,512"

  func run() throws {
    let shapes = try Zoo.resolve(architecture)
    let topology = try Topology()
    let team = try ThreadTeam(count: threads, topology: topology)
    let kernels = try KernelTable.selected()
    let meter = try LimitsMeter(team: team, kernels: kernels, topology: topology)
    let cells =
      try matmulCells(shapes, team, kernels)
      + attentionCells(shapes, team, kernels)
    for cell in cells { cell.body() }
    var samples = cells.map { _ in [Double]() }
    var order = SeededGenerator(seed: 0)
    for _ in 0..<repetitions {
      meter.sample()
      for index in cells.indices.shuffled(using: &order) {
        let start = SteadyClock.nanoseconds()
        cells[index].body()
        samples[index].append(Double(SteadyClock.nanoseconds() - start) * 1e-9)
      }
    }
    let limits = meter.limits
    var table = Table([
      ("operator", .left), ("path", .left), ("rows", .right), ("µs", .right), ("GB/s", .right),
      ("GFLOP/s", .right), ("of floor", .right),
    ])
    for (cell, seconds) in zip(cells, samples.map(Quantiles.median)) {
      let floor = max(
        cell.bytes / limits.readBandwidth, cell.flops / limits.peak(of: cell.arithmetic))
      table.add([
        cell.name, cell.path, "\(cell.rows)", Quantity.number(seconds * 1e6),
        Quantity.number(cell.bytes / seconds * 1e-9), Quantity.number(cell.flops / seconds * 1e-9),
        Quantity.percent(floor / seconds),
      ])
    }
    print(table.rendered())
    print(
      "\n\(Processor.model), \(team.count) threads, \(kernels.name); limits of this run: "
        + "\(Quantity.number(limits.readBandwidth * 1e-9)) GB/s, "
        + "\(Quantity.number(limits.multiplyAddPeak * 1e-9)) GFLOP/s f32, "
        + "\(Quantity.number(limits.peak(of: .q4_0) * 1e-9)) GOP/s int8; medians of \(repetitions)")
  }

  private struct Cell {
    let name: String
    let path: String
    let rows: Int
    /// Weights, or f32.
    let arithmetic: DType
    let flops: Double
    let bytes: Double
    let body: () -> Void
  }

  /// The MLP's gate and up projection, by each path. Weights are as many copies
  /// as exceed the caches, used in turn.
  private func matmulCells(
    _ a: Architecture, _ team: ThreadTeam, _ kernels: KernelTable
  ) throws -> [Cell] {
    var single = a
    single.layers.resize(to: 6)
    single.vocabularySize = 32
    let counts = rows.split(separator: ",").compactMap { Int($0) }
    let most = counts.max() ?? 1
    let x = try Activations(rows: most, width: a.hiddenSize)
    let y = try Activations(rows: most, width: 2 * a.intermediateSize)
    kernels.functions.fill_uniform(DYNO_F32, 1, x.buffer.count, 1, x.buffer.base)
    let ours = try Matmul(a, maxRows: most, team: team, kernels: kernels)
    let dots = try Matmul(a, maxRows: most, team: team, kernels: kernels, path: .dots)
    let openBLAS = try Matmul(a, maxRows: most, team: team, kernels: kernels, path: .openBLAS)
    var cells: [Cell] = []
    for dtype in dtypes.split(separator: ",").compactMap({ DType(rawValue: String($0)) }) {
      let packed = try ModelWeights.random(
        single, dtype: WeightFormat(dtype), packed: true, seed: 0, team: team, kernels: kernels)
      let rows = try ModelWeights.random(
        single, dtype: WeightFormat(dtype), seed: 0, team: team, kernels: kernels)
      for m in counts {
        // Packed weights, and the two ways for weights in rows.
        for (path, matmul, weights) in [
          ("packed", ours, packed), ("rows, dots", dots, rows), ("rows, openblas", openBLAS, rows),
        ] {
          var turn = 0
          let linears = weights.layers.indices.map {
            weights.weights(.gateUpProjection, ofLayer: $0)!.linear!
          }
          let linear = linears[0]
          cells.append(
            Cell(
              name: "gate_up \(dtype)", path: path, rows: m,
              arithmetic: path == "packed" ? dtype : .f32,
              flops: 2 * Double(m * linear.rows * linear.columns),
              bytes: linear.parts.reduce(0) { $0 + Double($1.bytes) }
            ) {
              turn = (turn + 1) % linears.count
              matmul(linears[turn], x, m: m, into: y)
            })
        }
      }
    }
    return cells
  }

  /// One layer's attention: decode of 1 and 8 sequences at depth 4096, and a prefill block.
  private func attentionCells(
    _ a: Architecture, _ team: ThreadTeam, _ kernels: KernelTable
  ) throws -> [Cell] {
    var single = a
    single.layers.resize(to: 1)
    guard let sizes = single.firstAttention else {
      throw InputError(a.name, problem: "has no attention", expected: "a model with attention")
    }
    let heads = AttentionHeads(sizes)
    var cells: [Cell] = []
    for cacheType in [DType.f32, .f16, .bf16, .q8_0] {
      for (sequences, depth, new) in [(1, 4096, 1), (8, 4096, 1), (1, 0, 512), (1, 3584, 512)] {
        let cache = try KVCache(
          single, dtype: cacheType, sequences: sequences, capacity: depth + new, kernels: kernels)
        cache.fillSynthetically(toDepth: depth + new, seed: 1, team: team, kernels: kernels)
        let attention = try CachedAttention([heads], team: team, kernels: kernels)
        let inputs = (0..<sequences).map {
          CachedAttention.Input(sequence: $0, cached: depth, rows: $0 * new..<($0 + 1) * new)
        }
        let tasks = attention.tasks(inputs, heads)
        try attention.reserve(for: tasks, heads)
        let qkv = try Activations(
          rows: sequences * new, width: sizes.inputWidth)
        kernels.functions.fill_uniform(DYNO_F32, 1, qkv.buffer.count, 1, qkv.buffer.base)
        let output = try Activations(rows: sequences * new, width: sizes.queryWidth)
        let operation = single.operators(
          of: .init(batch: sequences, cached: depth, new: new), weights: .f32, cache: cacheType
        ).first { $0.kind == .attention }!
        cells.append(
          Cell(
            name: "attention \(cacheType) depth \(depth)", path: "ours", rows: sequences * new,
            arithmetic: .f32,
            flops: operation.flops, bytes: operation.cacheReadBytes
          ) {
            attention(heads, tasks, inputs, layer: 0, cache: cache, queries: qkv, into: output)
          })
      }
    }
    return cells
  }
}
