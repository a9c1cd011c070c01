import CKernels
import Formats
import Foundation
import Input

/// The kernels of one instruction set.
///
/// `$DYNO_INSTRUCTION_SET` (scalar, neon, neonbf16, avx2, avx512, avx512vnni, avx512bf16, amx, amxbf16)
/// overrides the choice of the best one.
public struct KernelTable: Sendable {
  public let name: String
  public let functions: dyno_kernels

  package init(_ table: UnsafePointer<dyno_kernels>) {
    functions = table.pointee
    name = String(cString: functions.name)
  }

  /// Tables of all instruction sets that this machine runs, the best last.
  public static let available: [KernelTable] =
    [
      DYNO_SCALAR, DYNO_NEON, DYNO_NEONBF16, DYNO_AVX2, DYNO_AVX512, DYNO_AVX512VNNI,
      DYNO_AVX512BF16, DYNO_AMX, DYNO_AMXBF16,
    ]
    .compactMap { dyno_kernels_for($0) }.map(KernelTable.init)

  /// The table that everything uses unless told otherwise.
  ///
  /// - Parameter activations: what bf16 weights are multiplied with.
  public static func selected(activations: BF16Activations = .native) throws -> KernelTable {
    if let wanted = ProcessInfo.processInfo.environment["DYNO_INSTRUCTION_SET"] {
      guard let table = available.first(where: { $0.name == wanted }) else {
        throw InputError(
          "DYNO_INSTRUCTION_SET", problem: "\"\(wanted)\" does not run on this machine",
          expected: "one of " + available.map(\.name).joined(separator: ", "))
      }
      guard activations == .native || !table.multipliesPairs else {
        throw InputError(
          "activations", problem: "\"f32\" is not what DYNO_INSTRUCTION_SET=\(wanted) multiplies",
          expected: "native, or another instruction set")
      }
      return table
    }
    // Among the others, those that multiply f32 do so best.
    return available.last { activations == .native || !$0.multipliesPairs }!
  }

  /// Whether bf16 weights are multiplied with activations of bf16.
  package var multipliesPairs: Bool { functions.multiply_add_pairs != nil }

  /// What packed weights of a format are multiplied with.
  package func activations(for weights: DType) -> ActivationFormat {
    if weights.blockElements > 1 { return functions.block_panel > 0 ? .int8 : .f32 }
    return weights == .bf16 && multipliesPairs ? .bf16 : .f32
  }
}

extension DType {
  /// The kernels' name of it.
  public var kernelType: dyno_dtype {
    switch self {
    case .f32: DYNO_F32
    case .bf16: DYNO_BF16
    case .f16: DYNO_F16
    case .q8_0: DYNO_Q8_0
    case .q4_0: DYNO_Q4_0
    case .q4_1: DYNO_Q4_1
    case .q5_0: DYNO_Q5_0
    case .q5_1: DYNO_Q5_1
    case .q2_k: DYNO_Q2_K
    case .q3_k: DYNO_Q3_K
    case .q4_k: DYNO_Q4_K
    case .q5_k: DYNO_Q5_K
    case .q6_k: DYNO_Q6_K
    case .iq4_nl: DYNO_IQ4_NL
    case .iq4_xs: DYNO_IQ4_XS
    case .mxfp4: DYNO_MXFP4
    }
  }
}
