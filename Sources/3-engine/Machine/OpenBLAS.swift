import COpenBLAS
import Foundation

/// OpenBLAS, kept to the thread that calls it.
public enum OpenBLAS {
  /// Our own team splits the work: OpenBLAS's threads would fight it for the cores.
  public static func useOneThread() { openblas_set_num_threads(1) }

  /// OpenBLAS tries for ever where it is refused the buffer that each thread needs (`ulimit -v`).
  ///
  /// - Throws: `HostError` where there is no room for them.
  public static func requireMemory(threads: Int) throws {
    let bytes = bufferBytes * threads
    let mapping = mmap(
      nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    guard let mapping, mapping != MAP_FAILED else {
      throw HostError(
        "\(bytes >> 20) MiB of address space for OpenBLAS are refused: "
          + "\(String(cString: strerror(errno))) (see ulimit -v)")
    }
    munmap(mapping, bytes)
  }

  /// `BUFFER_SIZE` of its largest build, and what it maps beside it to align it.
  private static let bufferBytes = 256 << 20

  public static var configuration: String {
    String(cString: openblas_get_config()).trimmingCharacters(in: .whitespaces)
  }
}
