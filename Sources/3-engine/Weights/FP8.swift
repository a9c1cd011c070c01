import CKernels
import Formats
import Foundation
import Input
import Machine

/// Checkpoints whose matrices are FP8 (e4m3, OCP 8-bit Floating Point Specification 1.0) with scales
/// beside them, as DeepSeek-V3, Qwen3-FP8, vLLM and compressed-tensors write them. They are expanded to
/// bf16 when they are opened.
///
/// A matrix `NAME` has its scales in `NAME_scale_inv` or `NAME_scale`. Both multiply: DeepSeek's is the
/// inverse of what weights were multiplied with before they were rounded (DeepSeek-V3,
/// README_WEIGHTS.md: "(128x128 weight block) * weight_scale_inv").
enum FP8 {
  static let typeName = "F8_E4M3"

  /// How far one scale reaches.
  private enum Layout: Equatable {
    case tensor, channel
    case blocks(rows: Int, columns: Int)
  }

  /// Bytes that expanding takes more than the tensors do as they are stored.
  static func expansionBytes(_ tensors: [String: StoredTensor]) -> Int {
    tensors.values.reduce(0) { $0 + ($1.typeName == typeName ? $1.elements : 0) }
  }

  /// The tensors with all FP8 ones expanded, their scales left out.
  ///
  /// - Parameter config: the checkpoint's `config.json`, whose `quantization_config` must be one of FP8
  ///   weights where any tensor is.
  static func expanded(
    _ tensors: [String: StoredTensor], config: URL, _ kernels: KernelTable
  ) throws -> [String: StoredTensor] {
    let names = tensors.filter { $0.value.typeName == typeName }.keys.sorted()
    let declared = try Declaration(config)
    guard !names.isEmpty else {
      // Quantised otherwise: packed in integers, or in another type of 8 bits.
      if let declared, !declared.isFP8, tensors.values.contains(where: { $0.dtype == nil }) {
        throw declared.refusal
      }
      return tensors
    }
    if let declared, !declared.isFP8 { throw declared.refusal }
    let bytes = names.reduce(0) { $0 + 2 * tensors[$1]!.elements }
    let available = AvailableMemory.bytes()
    guard bytes <= available else {
      throw InputError(
        config.deletingLastPathComponent().path,
        problem: "holds FP8 matrices that take \(bytes) bytes in bf16",
        expected: "at most the available \(available)")
    }
    var result = tensors
    for name in names {
      let tensor = tensors[name]!
      try within(tensor.path) {
        try within("tensor \(name.prefix(200))") {
          let scales = ["\(name)_scale_inv", "\(name)_scale"].filter { tensors[$0] != nil }
          guard scales.count == 1, let scale = tensors[scales[0]] else {
            throw InputError(
              problem: scales.isEmpty ? "is FP8 and has no scale" : "has two scales",
              expected: "\(name)_scale_inv or \(name)_scale")
          }
          result[name] = try expanded(tensor, scale, scales[0], declared?.layout, kernels)
          result[scales[0]] = nil
        }
      }
      // Scales of activations and of an FP8 cache: neither is FP8 here.
      guard name.hasSuffix(".weight") else { continue }
      let module = name.dropLast("weight".count)
      result["\(module)input_scale"] = nil
      if let parent = module.dropLast().lastIndex(of: ".") {
        for kind in ["k_scale", "v_scale"] { result["\(module[...parent])\(kind)"] = nil }
      }
    }
    return result
  }

  private static func expanded(
    _ tensor: StoredTensor, _ scale: StoredTensor, _ scaleName: String, _ declared: Layout?,
    _ kernels: KernelTable
  ) throws -> StoredTensor {
    guard tensor.shape.count == 2 else {
      throw InputError(problem: "has the shape \(tensor.shape)", expected: "rows and columns")
    }
    let (rows, columns) = (tensor.shape[0], tensor.shape[1])
    guard let values = try scale.values(kernels) else {
      throw InputError(
        scaleName, problem: "has the type \(scale.typeName)", expected: "f32 or bf16")
    }
    let layout = try layout(of: scale, scaleName, rows: rows, columns: columns, declared)
    let (blockRows, blockColumns) =
      switch layout {
      case .tensor: (max(1, rows), max(1, columns))
      case .channel: (1, max(1, columns))
      case .blocks(let rows, let columns): (rows, columns)
      }
    let acrossBlocks = (columns + blockColumns - 1) / blockColumns
    let memory = try PageMemory(max(1, 2 * rows * columns))
    let row = try FloatBuffer(count: columns)
    for index in 0..<rows {
      let codes = (tensor.base + index * columns).assumingMemoryBound(to: UInt8.self)
      let scales = values.base + index / blockRows * acrossBlocks
      for first in stride(from: 0, to: columns, by: blockColumns) {
        let scale = scales[first / blockColumns]
        for column in first..<min(columns, first + blockColumns) {
          row.base[column] = Self.values[Int(codes[column])] * scale
        }
      }
      kernels.functions.round(DYNO_BF16, row.base, columns, memory.base + 2 * index * columns)
    }
    return StoredTensor(expanding: tensor, to: .bf16, memory)
  }

  /// By the shape of the scales, which must be what the configuration declares.
  private static func layout(
    of scale: StoredTensor, _ name: String, rows: Int, columns: Int, _ declared: Layout?
  ) throws -> Layout {
    func parts(_ size: Int, _ block: Int) -> Int { (size + block - 1) / block }
    var shapes: [(layout: Layout, shapes: [[Int]])] = [
      (.tensor, [[], [1], [1, 1]]), (.channel, [[rows], [rows, 1]]),
    ]
    if case .blocks(let height, let width)? = declared {
      shapes = [(declared!, [[parts(rows, height), parts(columns, width)]])]
    } else if let declared {
      shapes = shapes.filter { $0.layout == declared }
    } else {
      shapes.append((.blocks(rows: 128, columns: 128), [[parts(rows, 128), parts(columns, 128)]]))
    }
    guard let found = shapes.first(where: { $0.shapes.contains(scale.shape) }) else {
      throw InputError(
        name, problem: "has the shape \(scale.shape)",
        expected: shapes.flatMap(\.shapes).map { "\($0)" }.joined(separator: " or "))
    }
    return found.layout
  }

  /// What each byte stands for: a sign, 4 bits of exponent (bias 7), 3 of mantissa; all ones are NaN, and
  /// there is no infinity.
  static let values: [Float] = (0..<256).map { byte in
    let (exponent, mantissa) = (byte >> 3 & 15, byte & 7)
    if exponent == 15, mantissa == 7 { return .nan }
    let magnitude =
      exponent == 0
      ? Float(mantissa) * 0x1p-9
      : Float(sign: .plus, exponent: exponent - 7, significand: 1 + Float(mantissa) / 8)
    return byte > 127 ? -magnitude : magnitude
  }

  /// What a `quantization_config` says.
  private struct Declaration {
    let isFP8: Bool
    let layout: Layout?
    let refusal: InputError

    /// `nil` where the configuration says nothing of quantisation.
    init?(_ config: URL) throws {
      let object = try within(config.path) {
        try JSONObject(parsing: InputFile.config.data(at: config.path))
      }
      var found: (field: String, JSONObject)?
      for place in [object, try object.object("text_config")].compactMap({ $0 }) {
        for field in ["quantization_config", "compression_config", "quantization"]
        where found == nil {
          if let value = try within(config.path, { try place.object(field) }) {
            found = (field, value)
          }
        }
      }
      guard let (field, quantization) = found else { return nil }
      let method = try within(config.path) { try quantization.string("quant_method") } ?? ""
      var known: (isFP8: Bool, layout: Layout?, problem: String) =
        (
          false, nil,
          "stores weights by \(method.isEmpty ? "an unnamed method" : "\"\(method.prefix(40))\"")"
        )
      try within(config.path) {
        try within(field) {
          switch method {
          case "fp8":
            let type = try quantization.string("fmt") ?? "e4m3"
            known = (type == "e4m3", nil, "stores weights in \"\(type.prefix(40))\"")
            if let size = try quantization.array("weight_block_size") {
              known.layout = try Self.blocks(size, "weight_block_size")
            }
          case "compressed-tensors": known = try Self.compressed(quantization)
          default: break
          }
        }
      }
      (isFP8, layout) = (known.isFP8, known.layout)
      refusal = InputError(
        config.path, field, problem: known.problem,
        expected:
          "FP8 (e4m3; quant_method fp8, or compressed-tensors' float-quantized), or weights "
          + "in bf16, f16 or f32")
    }

    private static func compressed(
      _ quantization: JSONObject
    ) throws -> (isFP8: Bool, layout: Layout?, problem: String) {
      let format = try quantization.string("format") ?? ""
      let problem = "stores weights as compressed-tensors' \"\(format.prefix(40))\""
      guard let groups = try quantization.object("config_groups") else {
        return (false, nil, problem)
      }
      var layouts: [Layout] = []
      for name in groups.fields.keys.sorted() {
        guard let weights = try groups.object(name)?.object("weights"),
          try weights.int("num_bits") == 8, try weights.string("type") == "float",
          try weights.bool("symmetric") ?? true
        else { return (false, nil, problem) }
        switch try weights.string("strategy") ?? "" {
        case "tensor": layouts.append(.tensor)
        case "channel": layouts.append(.channel)
        case "block":
          layouts.append(try blocks(weights.array("block_structure") ?? [], "block_structure"))
        default: return (false, nil, problem)
        }
      }
      // Groups of several kinds: each matrix's scales tell.
      let isUniform = layouts.dropFirst().allSatisfy { $0 == layouts[0] }
      return (!layouts.isEmpty, isUniform ? layouts.first : nil, problem)
    }

    private static func blocks(_ size: [JSONValue], _ field: String) throws -> Layout {
      guard size.count == 2, case .integer(let rows) = size[0],
        case .integer(let columns) = size[1],
        (1...65536).contains(rows), (1...65536).contains(columns)
      else {
        throw InputError(
          field, problem: "is no size of blocks", expected: "rows and columns: [128, 128]")
      }
      return .blocks(rows: rows, columns: columns)
    }
  }
}
