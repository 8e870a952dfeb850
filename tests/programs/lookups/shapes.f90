module shapes
  implicit none
  type :: grid
    integer :: width, height
    real(8), allocatable :: cells(:, :)
  contains
    procedure :: blur => grid_blur
    procedure :: total => grid_total
  end type
  interface scaled
    module procedure scaled_real, scaled_integer
  end interface
contains
  pure real(8) function weight(row, column)
    integer, intent(in) :: row, column
    weight = 1.0d0 / (1 + row * row + column * column)
  end function
  elemental real(8) function scaled_real(value, factor)
    real(8), intent(in) :: value, factor
    scaled_real = value * factor + sin(value)
  end function
  elemental integer function scaled_integer(value, factor)
    integer, intent(in) :: value, factor
    scaled_integer = value * factor + mod(value, 7)
  end function
  subroutine grid_blur(self, rounds)
    class(grid), intent(inout) :: self
    integer, intent(in) :: rounds
    real(8), allocatable :: next(:, :)
    integer :: turn, row, column
    allocate (next(self%width, self%height))
    do turn = 1, rounds
      do column = 2, self%height - 1
        do row = 2, self%width - 1
          next(row, column) = blend(row, column)
        end do
      end do
      self%cells = scaled(next, 0.5d0)
    end do
  contains
    real(8) function blend(row, column)
      integer, intent(in) :: row, column
      integer :: x, y
      blend = 0
      do y = -1, 1
        do x = -1, 1
          blend = blend + self%cells(row + x, column + y) * weight(x, y)
        end do
      end do
    end function
  end subroutine
  real(8) function grid_total(self)
    class(grid), intent(in) :: self
    grid_total = sum(self%cells, mask=self%cells > 0)
  end function
  recursive integer function hanoi(discs) result(moves)
    integer, intent(in) :: discs
    moves = 0
    if (discs > 0) moves = 2 * hanoi(discs - 1) + 1
  end function
end module

program main
  use shapes
  implicit none
  type(grid) :: board
  character(len=20) :: text
  integer :: numbers(50), place
  real(8) :: a(12, 12), b(12, 12), c(12, 12)
  board%width = 40
  board%height = 30
  allocate (board%cells(40, 30))
  call random_number(board%cells)
  call board%blur(3)
  numbers = [(scaled(place, 3), place=1, 50)]
  call random_number(a)
  b = transpose(a)
  c = matmul(a, b)
  write (text, '(i8,f10.3)') hanoi(9), board%total()
  print *, trim(text), sum(numbers), maxval(c), dot_product(a(:, 1), b(1, :))
  if (any(c < 0)) stop 3
end program
