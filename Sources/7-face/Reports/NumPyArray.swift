import Foundation

/// NumPy's `.npy` format, version 1.0.
public enum NumPyArray {
  /// A file of f32 rows of equal length, little-endian, C order.
  public static func file(_ rows: [[Float]]) -> Data {
    var header =
      "{'descr': '<f4', 'fortran_order': False, 'shape': (\(rows.count), \(rows.first?.count ?? 0)), }"
    // Magic, version and length take 10 bytes; data starts at a multiple of 64.
    header += String(repeating: " ", count: 63 - (10 + header.utf8.count) % 64) + "\n"
    var data = Data([0x93] + Array("NUMPY".utf8) + [1, 0])
    data.append(UInt8(header.utf8.count & 0xff))
    data.append(UInt8(header.utf8.count >> 8))
    data.append(contentsOf: header.utf8)
    for row in rows {
      for value in row {
        withUnsafeBytes(of: value.bitPattern.littleEndian) { data.append(contentsOf: $0) }
      }
    }
    return data
  }
}
