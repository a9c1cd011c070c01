import COpenBLAS
import Foundation

/// OpenBLAS, kept to the thread that calls it.
public enum OpenBLAS {
  /// Our own team splits the work: OpenBLAS's threads would fight it for the cores.
  public static func useOneThread() { openblas_set_num_threads(1) }

  public static var configuration: String {
    String(cString: openblas_get_config()).trimmingCharacters(in: .whitespaces)
  }
}
